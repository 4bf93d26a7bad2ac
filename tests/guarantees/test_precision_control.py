"""`PrecisionControl` against MAPIE's learn then test, loops, and samples of which the truth is known."""

import math

import numpy as np
import pytest
import torch
from mapie.risk_control import BinaryClassificationController
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

from torchheads.errors import TorchHeadsWarning
from torchheads.guarantees import PrecisionControl
from torchheads.guarantees.precision_control import grid
from torchheads.tail_bounds import binomial_p_values, counts_above, hoeffding_bentkus_p_values

C = 4


def problem(n, seed=0):
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, C, generator=random, dtype=torch.float64) * 2 - 0.5
    return scores, torch.rand(n, C, generator=random) < (1.2 * scores).sigmoid()


def fitted(scores, target, known=None, **options):
    promise = PrecisionControl(**options)
    promise.bind(scores.shape[1])
    promise.fit(scores, target, known)
    return promise


# Per label ------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Fixed sequence testing requires a monotonic risk")
@pytest.mark.parametrize(("level", "confidence"), [(0.8, 0.9), (0.7, 0.95), (0.75, 0.8)])
def test_per_label_it_is_mapies_fixed_sequence_over_the_same_cuts(level, confidence, monkeypatch):
    # MAPIE 1.6.0 rounds n (1 - precision) up, of 3.0000000000000027 wrong rows to 4: it is handed the number unrounded
    plain = compute_hoeffding_bentkus_p_value
    monkeypatch.setattr(
        "mapie.risk_control._base_controller.compute_hoeffding_bentkus_p_value",
        lambda risk, *others: plain(np.clip(risk - 1e-12, 0, 1), *others),
    )
    (scores, target), (new, _) = problem(400), problem(300, seed=1)
    promise = fitted(scores, target, level=level, confidence=confidence, per_label=True)
    for label in range(C):
        own = scores[:, label].sigmoid().numpy()
        counts = counts_above(400, 1 - level, 1 - confidence, binomial_p_values).numpy()
        left_out = np.append(np.sort(own)[::-1], 0)[counts]
        theirs = BinaryClassificationController(
            lambda p: np.stack([1 - p, p], axis=1),
            "precision",
            level,
            confidence,
            list_predict_params=np.nextafter(left_out, 1),
            fwer_method="fixed_sequence",
        )
        theirs.calibrate(own, target[:, label].numpy().astype(int))
        expected = theirs.predict(new[:, label].sigmoid().numpy()).astype(bool)
        assert promise(new)[:, label].tolist() == expected.tolist()


def test_per_label_unknown_entries_are_left_out():
    scores, target = problem(300)
    known = torch.rand(300, C, generator=torch.Generator().manual_seed(3)) < 0.7
    promise = fitted(scores, target, known, level=0.7, per_label=True)
    for label in range(C):
        own = known[:, label]
        alone = fitted(scores[own, label].unsqueeze(1), target[own, label].unsqueeze(1), level=0.7, per_label=True)
        assert promise.limit[label] == alone.limit[0]


def test_a_label_that_no_cut_suits_is_in_no_set():
    scores, target = problem(300)
    target[:, 2] = False
    with pytest.warns(
        TorchHeadsWarning, match=r"TH-W07: no cut keeps .* 0\.7 with confidence 0\.9 for 1 of 4 .* \[2\]"
    ):
        promise = fitted(scores, target, level=0.7, per_label=True)
    assert promise.never_included == [2]
    assert not promise(scores)[:, 2].any()
    assert promise(scores)[:, [0, 1, 3]].any(dim=0).all()
    assert PrecisionControl().never_included == []


# Global ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "confidence"), [(0.8, 0.9), (0.6, 0.95)])
def test_one_cut_is_that_of_the_loop_over_the_grid(level, confidence):
    scores, target = problem(150)
    known = torch.rand(150, C, generator=torch.Generator().manual_seed(3)) < 0.8
    known[:, 0] = True
    rows = list(zip(scores.tolist(), target.tolist(), known.tolist(), strict=True))
    expected = math.inf
    for cut in grid().tolist():
        risk = 0.0
        for own, right, sure in rows:
            taken = [c for c in range(C) if sure[c] and own[c] >= cut]
            risk += sum(not right[c] for c in taken) / max(len(taken), 1)
        p_value = hoeffding_bentkus_p_values(torch.tensor([risk]).double(), torch.tensor([150]), 1 - level)
        if p_value > 1 - confidence:
            break
        expected = cut
    found = fitted(scores, target, known, level=level, confidence=confidence)
    assert -10 < expected < 5
    assert found.limit.tolist() == [expected] * C


def test_where_everything_is_right_everything_is_predicted():
    scores, target = problem(100)
    promise = fitted(scores, torch.ones_like(target), level=0.9)
    assert promise.limit.tolist() == [grid()[-1].item()] * C


@pytest.mark.parametrize("n", [5, 30])
def test_where_no_cut_passes_the_sets_are_empty(n):
    # 5 rows prove no precision of 0.9 at all; of 30 rows, one wrong answer is too many, and only empty sets pass
    scores, target = problem(n)
    with pytest.warns(TorchHeadsWarning, match=r"TH-W07: no cut keeps .* for 4 of 4 labels, such as \[0, 1, 2\]"):
        promise = fitted(scores, target & False, level=0.9)
    assert promise.limit.tolist() == [math.inf] * C
    assert not promise(scores).any()


def test_empty_sets_count_as_right():
    # nothing is right, and yet one row in ten, less what is unsure, may be answered at a precision of 0.9
    scores, target = problem(1000)
    answered = fitted(scores, target & False, level=0.9)(scores).any(dim=1).double().mean()
    assert 0.05 < answered < 0.1


def test_the_grid_is_fixed_and_falls():
    cuts = grid()
    assert len(cuts) == 1001
    assert (cuts.diff() < 0).all()
    assert cuts[0] == -cuts[-1] == pytest.approx(math.sinh(10))


def test_repr_names_the_options():
    assert repr(PrecisionControl()) == "PrecisionControl(level=0.8, confidence=0.9, per_label=False, not fitted)"
