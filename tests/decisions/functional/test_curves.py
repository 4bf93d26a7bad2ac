"""The best cut of each class against every cut there is, scikit-learn's curves, and values worked by hand."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import example, given
from judged import VALUES, f1, gain, judged, worth

from torchheads.decisions.functional import curves
from torchheads.decisions.functional.curves import above_all, best_cuts, between, ends


@given(judged(), st.sampled_from(sorted(VALUES)))
def test_no_cut_is_better_and_none_as_good_is_higher(case, name):
    scores, target, known = case
    value = VALUES[name]
    best = best_cuts(scores, target, value, known)
    reached = worth(scores >= best.cuts.float(), target, known, value)
    assert best.values.tolist() == pytest.approx(reached)
    for c in range(scores.shape[1]):
        column = [float(s) for i, s in enumerate(scores[:, c]) if known is None or known[i, c]]
        every = {
            cut: worth(scores[:, [c]] >= cut, target[:, [c]], known if known is None else known[:, [c]], value)[0]
            for cut in [math.inf, *column]
        }
        assert reached[c] == pytest.approx(max(every.values()), abs=1e-12)
        highest = max(cut for cut, found in every.items() if found == pytest.approx(reached[c], abs=1e-12))
        taken = [s >= highest for s in column]
        assert [s >= float(best.cuts[c]) for s in column] == taken  # no two equal scores parted
        assert best.taken[c] == sum(taken)


def test_by_hand():
    # ranked: 4 (yes), 3 (no), 2 (yes), 1 (no), 0 (no); two positives.
    # F1 after k: 2*1/(1+2) = .667, 2*1/4 = .5, 2*2/5 = .8, 2*2/6 = .667, .571: after three, midway between 2 and 1.
    scores = torch.tensor([[4.0], [3.0], [2.0], [1.0], [0.0]])
    best = best_cuts(scores, torch.tensor([[True], [False], [True], [False], [False]]), f1)
    assert (best.cuts.item(), best.values.item(), best.hits.item(), best.taken.item()) == (1.5, 0.8, 2.0, 3.0)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [0, 4, 3, 2, 1]])
def test_the_best_cut_is_not_sought_among_equals(order):
    # 2 (yes), then four of 1 (one yes): F1 = 2*1/(1+2) = .667 after one, 2*2/(5+2) = .571 after five. Parted after two,
    # which no cut can do, it would be 1.
    target = torch.tensor([[True, True, False, False, False]])[:, order].T
    assert best_cuts(torch.tensor([[2.0, 1.0, 1.0, 1.0, 1.0]]).T, target, f1).cuts.item() == 1.5


def test_scikit_learns_curve_has_no_better_f1():
    scores, target = torch.randn(300, 4).round(decimals=1), torch.rand(300, 4) < 0.3
    best = best_cuts(scores, target, f1)
    for c in range(4):
        precision, recall, _ = sklearn.metrics.precision_recall_curve(target[:, c], scores[:, c])
        assert best.values[c] == pytest.approx((2 * precision * recall / (precision + recall).clip(1e-12)).max())
        assert best.values[c] == pytest.approx(sklearn.metrics.f1_score(target[:, c], scores[:, c] >= best.cuts[c]))


def test_where_nothing_is_worth_taking_the_cut_is_above_all_scores():
    scores = torch.tensor([[1.0], [3.4e38], [-2.0]])
    best = best_cuts(scores, torch.tensor([[False], [False], [True]]), gain)
    assert (scores < best.cuts).all()
    assert (best.values.item(), best.taken.item()) == (0, 0)


def test_where_all_is_worth_taking_the_cut_is_the_lowest_score():
    assert best_cuts(torch.tensor([[0.25], [0.5]]), torch.ones(2, 1, dtype=torch.bool), f1).cuts.item() == 0.25


def test_minus_infinity_is_never_taken():
    scores = torch.tensor([[1.0, -math.inf], [-math.inf, -math.inf]])
    best = best_cuts(scores, torch.ones(2, 2, dtype=torch.bool), f1)
    assert best.taken.tolist() == [1, 0]
    assert not (scores[:, 1] >= best.cuts[1]).any()


def test_a_few_classes_at_a_time_are_as_all_at_once(monkeypatch):
    scores, target, known = torch.randn(50, 7), torch.rand(50, 7) < 0.3, torch.rand(50, 7) < 0.9
    whole = best_cuts(scores, target, f1, known)
    monkeypatch.setattr(curves, "ENTRIES", 120)  # two classes at once
    for one, other in zip(best_cuts(scores, target, f1, known), whole, strict=True):
        assert torch.equal(one, other)


def test_values_may_differ_by_class(monkeypatch):
    weights = torch.tensor([0.1, 0.9, 0.5], dtype=torch.float64)
    scores, target = torch.randn(40, 3), torch.rand(40, 3) < 0.5
    monkeypatch.setattr(curves, "ENTRIES", 40)  # one class at once
    found = best_cuts(scores, target, lambda counts: counts.hits - weights[counts.classes][:, None] * counts.taken)
    for c in range(3):
        alone = best_cuts(scores[:, [c]], target[:, [c]], lambda counts, c=c: counts.hits - weights[c] * counts.taken)
        assert found.cuts[c] == alone.cuts[0]


# Where a cut lies -----------------------------------------------------------------------------------------------------


def midway(upper, lower):
    return between(torch.tensor([[upper, lower]], dtype=torch.float64), torch.tensor([[0]])).item()


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.data())
@example(0.0, None)
def test_midway_parts_two_numbers(lower, data):
    larger = st.floats(lower, width=32, allow_nan=False, allow_infinity=False).filter(lambda u: u > lower)
    upper = 1.0 if data is None else data.draw(larger)
    middle = np.float32(midway(upper, lower))
    assert np.float32(lower) < middle <= np.float32(upper)


@pytest.mark.parametrize("start", [1.0, -1.0, 0.1, -7.3, 1e4, 3e38, -3e38, 1e-40, 0.0])
def test_midway_of_adjacent_floats(start):
    lower = np.float32(start)
    for _ in range(4):  # whichever way the mean would be rounded
        upper = np.nextafter(lower, np.float32(np.inf))
        assert midway(float(upper), float(lower)) == float(upper)
        lower = upper


def test_where_a_cut_lies_by_hand():
    assert (midway(3.0, 1.0), midway(-1.0, -2.0), midway(3e38, -3e38)) == (2.0, -1.5, 0.0)
    assert midway(1.0, -math.inf) == 1.0
    assert between(torch.tensor([[3.0, 1.0]]), torch.tensor([[1]])).item() == 1.0
    assert above_all(torch.tensor([[3.0, 1.0]])).item() == float(np.nextafter(np.float32(3), np.float32(4)))
    assert ends(torch.tensor([[1.0, 0.0, -0.0, -math.inf]])).tolist() == [[True, False, True, False]]


# Other dtypes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
@pytest.mark.parametrize("name", VALUES)
def test_scores_of_another_dtype_have_the_same_cuts(dtype, name):
    # steps of 1/4 are the same numbers in every dtype, and so are the means of two of them
    random = torch.Generator().manual_seed(0)
    scores = torch.randint(-20, 20, (60, 4), generator=random) / 4
    target = torch.rand(60, 4, generator=random) < scores.sigmoid()
    known = torch.rand(60, 4, generator=random) < 0.8
    found = best_cuts(scores.to(dtype), target, VALUES[name], known)
    for one, other in zip(found, best_cuts(scores, target, VALUES[name], known), strict=True):
        assert one.dtype == torch.float64
        assert one.tolist() == other.tolist()
    reached = worth(scores >= found.cuts.float(), target, known, VALUES[name])
    assert found.values.tolist() == pytest.approx(reached)


def test_numbers_that_only_float64_tells_apart_are_ranked_by_it():
    # 1 + 2e-12 (yes), 1 + 1e-12 (no): the first alone has F1 1, both together 2/3
    scores = torch.tensor([[1 + 1e-12], [1 + 2e-12]], dtype=torch.float64)
    best = best_cuts(scores, torch.tensor([[False], [True]]), f1)
    assert (best.values.item(), best.hits.item(), best.taken.item()) == (1.0, 1.0, 1.0)
