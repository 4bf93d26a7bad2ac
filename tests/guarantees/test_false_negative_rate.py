"""`FalseNegativeRate` against MAPIE, a loop over all cut points and values worked by hand."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from mapie.risk_control import MultiLabelClassificationController

from torchheads.errors import FitError, TorchHeadsWarning
from torchheads.guarantees import FalseNegativeRate

C = 5


def problem(n, seed=0, dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, C, generator=random, dtype=dtype) * 2 - 0.5
    return scores, torch.rand(n, C, generator=random) < (1.2 * scores).sigmoid()


def fitted(scores, target, known=None, **options):
    promise = FalseNegativeRate(**options)
    promise.bind(scores.shape[1])
    promise.fit(scores, target, known)
    return promise


@pytest.mark.parametrize("level", [0.05, 0.13, 0.3, 0.5])
def test_it_equals_mapies_conformal_risk_control(level):
    # MAPIE takes cuts from a list and compares with >: just below each probability that a label has, which is all it
    # needs; it wants a label in each row, and stays strictly below the level, which these levels do not tell apart
    (scores, target), (new, _) = problem(120), problem(300, seed=1)
    has_label = target.any(dim=1)
    scores, target = scores[has_label], target[has_label]
    cuts = np.nextafter(np.unique(scores[target].sigmoid().numpy()), 0)
    theirs = MultiLabelClassificationController(
        lambda rows: rows, risk="recall", method="crc", target_level=1 - level, predict_params=cuts
    )
    theirs.calibrate(scores.sigmoid().numpy(), target.numpy())
    expected = torch.from_numpy(theirs.predict(new.sigmoid().numpy())[:, :, 0])
    assert torch.equal(fitted(scores, target, level=level)(new), expected)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("level", [0.1, 0.25, 0.5])
def test_no_larger_cut_would_do(seed, level):
    scores, target = problem(60, seed)
    scores = scores.round()  # with ties
    known = torch.rand(60, C, generator=torch.Generator().manual_seed(seed)) < 0.9
    known[:, 0] = True

    def bound(cut):
        total = Fraction(0)
        for row in range(60):
            labels = [c for c in range(C) if target[row, c] and known[row, c]]
            if labels:
                total += Fraction(sum(scores[row, c].item() < cut for c in labels), len(labels))
        return (total + 1) / 61

    candidates = [*scores[target & known].unique().tolist(), math.inf]
    allowed = [cut for cut in candidates if bound(cut) <= Fraction(str(level))]
    assert fitted(scores, target, known, level=level).limit.tolist() == [max(allowed)] * C


def test_by_hand():
    # n = 9, level 0.2: (9 + 1) 0.2 - 1 = 1 may be missed, counted in rows: both labels of the first row, and no more
    scores = torch.tensor([[1.0, 2.0], *[[3.0 + i, -9.0] for i in range(8)]])
    target = torch.tensor([[True, True], *[[True, False]] * 8])
    assert fitted(scores, target, level=0.2).limit.tolist() == [3.0, 3.0]
    # at 0.19 it is 0.9: one label of the first row, which costs a half
    assert fitted(scores, target, level=0.19).limit.tolist() == [2.0, 2.0]
    # at 0.1 it is 0: nothing, and the cut is the lowest label
    assert fitted(scores, target, level=0.1).limit.tolist() == [1.0, 1.0]


def test_rows_without_labels_miss_nothing_and_may_allow_empty_sets():
    scores, target = problem(40)
    target[4:] = False
    promise = fitted(scores, target, level=0.2)  # 41 * 0.2 - 1 = 7.2 rows may be missed, and 4 have labels
    assert promise.limit.tolist() == [math.inf] * C
    assert not promise(scores).any()
    assert promise.always_included == []


def test_too_few_rows_say_how_many_are_needed():
    scores, target = problem(8)
    with pytest.raises(FitError) as caught:
        fitted(scores, target, level=0.1)
    assert str(caught.value) == (
        "TH-F02: 8 held-out rows; a false-negative rate of 0.1 takes 9 or more. "
        "Try: a larger calibration split, or level=0.112"
    )
    fitted(scores, target, level=0.112)
    fitted(*problem(9), level=0.1)


# Per label ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.1, 0.25, 0.5])
def test_each_label_misses_as_many_of_its_own_as_it_may(level):
    scores, target = problem(150)
    known = torch.rand(150, C, generator=torch.Generator().manual_seed(2)) < 0.7
    promise = fitted(scores, target, known, level=level, per_label=True)
    for label in range(C):
        own = sorted(scores[target[:, label] & known[:, label], label].tolist())
        may_miss = math.floor((len(own) + 1) * Fraction(str(level))) - 1
        assert promise.limit[label] == own[may_miss]
        assert sum(score < promise.limit[label] for score in own) == may_miss


def test_a_label_with_too_few_positives_is_in_every_set():
    scores, target = problem(60)
    target[:, 1] = False
    target[:3, 1] = True
    target[:, 4] = False
    with pytest.warns(
        TorchHeadsWarning, match=r"TH-W06: 2 of 5 labels, such as \[1, 4\], are on fewer than 4 held-out"
    ):
        promise = fitted(scores, target, level=0.2, per_label=True)
    assert promise.always_included == [1, 4]
    assert promise(scores)[:, [1, 4]].all()
    assert not promise(scores)[:, [0, 2, 3]].all()
    assert FalseNegativeRate().always_included == []


def test_equality_counts_as_reached():
    promise = fitted(*problem(60, dtype=torch.float32), level=0.3)
    cut = promise.limit[0].float()
    assert promise(torch.stack([cut, cut.nextafter(torch.tensor(-9.0))]).unsqueeze(1).expand(2, C))[:, 0].tolist() == [
        True,
        False,
    ]


def test_repr_names_the_options():
    assert repr(FalseNegativeRate(0.2, per_label=True)) == "FalseNegativeRate(level=0.2, per_label=True, not fitted)"
