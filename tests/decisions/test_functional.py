"""Decisions against three witnesses (a literal loop, a reference library, a value worked by hand), and the best cut
against every cut there is."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
import torch
from hypothesis import example, given
from hypothesis.extra import numpy as st_numpy

from torchheads.decisions.functional import (
    REJECTED,
    above,
    best_micro_f1_cut,
    largest,
    largest_above,
    logit,
    midway,
    top_k,
)

FEW_VALUES = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0])  # so that ties are common
ANY_VALUE = st.floats(-1e4, 1e4, width=32)
SHAPES = st.tuples(st.integers(0, 4), st.integers(1, 5))
SCORES = st.one_of(
    st_numpy.arrays(np.float32, SHAPES, elements=FEW_VALUES), st_numpy.arrays(np.float32, SHAPES, elements=ANY_VALUE)
).map(torch.from_numpy)


# Argmax ---------------------------------------------------------------------------------------------------------------


def test_largest_by_hand():
    # cat 2.1, dog 4.0, cow 3.2, zebra -1.0: the dog, at 1; among equals the first
    assert largest(torch.tensor([[2.1, 4.0, 3.2, -1.0], [1.0, 1.0, 0.0, 1.0]])).tolist() == [1, 0]


@given(SCORES)
def test_largest_is_the_loop_and_numpys(scores):
    loop = []
    for row in scores.tolist():
        best = 0
        for c, score in enumerate(row):
            best = c if score > row[best] else best
        loop.append(best)
    chosen = largest(scores)
    assert chosen.dtype == torch.int64
    assert chosen.tolist() == loop == scores.numpy().argmax(axis=1).tolist()


# Argmax or none ------------------------------------------------------------------------------------------------------


def test_largest_above_by_hand():
    # the dog's 4.0 reaches 4.0; the next smaller float does not
    below = float(np.nextafter(np.float32(4), np.float32(0)))
    scores = torch.tensor([[2.1, 4.0, 3.2, -1.0], [2.1, below, 3.2, -1.0]])
    assert largest_above(scores, torch.tensor([4.0])).tolist() == [1, -1]
    assert REJECTED == -1


@given(SCORES, FEW_VALUES)
def test_largest_above_is_the_loop(scores, cut):
    loop = [row.index(max(row)) if max(row) >= cut else -1 for row in scores.tolist()]
    chosen = largest_above(scores, torch.tensor([cut]))
    assert chosen.dtype == torch.int64
    assert chosen.tolist() == loop


@given(SCORES)
def test_largest_above_nothing_is_the_largest(scores):
    assert torch.equal(largest_above(scores, torch.tensor([-math.inf])), largest(scores))
    assert (largest_above(scores, torch.tensor([math.inf])) == REJECTED).all()


# Threshold ------------------------------------------------------------------------------------------------------------


def test_above_by_hand():
    # 3.0 reaches 3.0; the next smaller float does not
    below = float(np.nextafter(np.float32(3), np.float32(0)))
    assert above(torch.tensor([[3.0, below, 4.0]]), torch.full((3,), 3.0)).tolist() == [[True, False, True]]


@given(SCORES, st.data())
def test_above_is_the_loop_and_numpys(scores, data):
    cut = data.draw(st_numpy.arrays(np.float32, scores.shape[1], elements=FEW_VALUES))
    chosen = above(scores, torch.from_numpy(cut))
    assert chosen.tolist() == [[score >= c for score, c in zip(row, cut, strict=True)] for row in scores.tolist()]
    assert chosen.numpy().tolist() == np.greater_equal(scores.numpy(), cut).tolist()


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.7, 0.99])
def test_a_cut_of_scores_is_a_threshold_of_probabilities(probability):
    scores = torch.linspace(-8, 8, 1001, dtype=torch.float64)[:, None]
    scores = scores[(scores - logit(probability)).abs() > 1e-9][:, None]  # the cut itself is a matter of rounding
    expected = scipy.special.expit(scores.numpy()) >= probability
    cut = torch.tensor([logit(probability)], dtype=torch.float64)
    assert (above(scores, cut).numpy() == expected).all()


# Top k ----------------------------------------------------------------------------------------------------------------


def test_top_k_by_hand():
    # 4.0 and 3.2 are the two largest; among three equals the first two
    scores = torch.tensor([[2.1, 4.0, 3.2, -1.0], [1.0, 0.0, 1.0, 1.0]])
    assert top_k(scores, 2).tolist() == [[False, True, True, False], [True, False, True, False]]


@given(SCORES, st.data())
def test_top_k_is_the_loop(scores, data):
    k = data.draw(st.integers(1, scores.shape[1]))
    loop = []
    for row in scores.tolist():
        ranked = sorted(range(len(row)), key=lambda c: (-row[c], c))
        loop.append([c in ranked[:k] for c in range(len(row))])
    assert top_k(scores, k).tolist() == loop


def test_the_lowest_index_comes_first_among_many_equals():
    # a sort that is not stable keeps the order of short rows and loses it in long ones
    scores = torch.randint(0, 3, (20, 100)).float()
    for row, chosen in zip(scores.tolist(), top_k(scores, 50).tolist(), strict=True):
        assert [c for c in range(100) if chosen[c]] == sorted(sorted(range(100), key=lambda c: -row[c])[:50])


def test_top_k_is_torchs():
    scores = torch.randn(50, 7)
    for k in range(1, 8):
        expected = torch.zeros(50, 7, dtype=torch.bool).scatter(1, scores.topk(k).indices, True)
        assert torch.equal(top_k(scores, k), expected)


def test_top_k_makes_sklearns_top_k_accuracy():
    scores, index = torch.randn(50, 7), torch.randint(0, 7, (50,))
    for k in (1, 3):
        hits = top_k(scores, k).gather(1, index[:, None]).double().mean().item()
        assert hits == pytest.approx(sklearn.metrics.top_k_accuracy_score(index, scores, k=k, labels=range(7)))


@given(SCORES)
def test_the_one_largest(scores):
    assert torch.equal(top_k(scores, 1).int().argmax(dim=1), largest(scores))


# logit ----------------------------------------------------------------------------------------------------------------


def test_logit_by_hand():
    # odds 3 : 1
    assert logit(0.75) == pytest.approx(math.log(3))
    assert (logit(0.0), logit(0.5), logit(1.0)) == (-math.inf, 0.0, math.inf)
    assert (logit(0), logit(1)) == (-math.inf, math.inf)


@given(st.floats(1e-300, 1 - 1e-12))
def test_logit_is_scipys(probability):
    assert logit(probability) == pytest.approx(float(scipy.special.logit(probability)), rel=1e-9, abs=1e-12)


# The best cut ---------------------------------------------------------------------------------------------------------


def f1_of_every_cut(scores, target):
    """Micro-F1 by scikit-learn at each score that occurs: no other cut gives another set."""
    cuts = sorted(set(scores.flatten().tolist()), reverse=True)
    flat = target.flatten().numpy()
    return {
        cut: sklearn.metrics.f1_score(flat, (scores.flatten() >= cut).numpy(), pos_label=True, zero_division=0.0)
        for cut in cuts
    }


@st.composite
def scored_sets(draw):
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    huge = st.floats(-(2.0**127), 2.0**127, width=32)
    elements = draw(st.sampled_from([FEW_VALUES, ANY_VALUE, huge, st.just(1.5)]))
    scores = torch.from_numpy(draw(st_numpy.arrays(np.float32, shape, elements=elements)))
    target = torch.from_numpy(draw(st_numpy.arrays(np.bool_, shape)))
    if not target.any():
        target[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = True
    return scores, target


@given(scored_sets())
@example((torch.tensor([[0.3]]), torch.tensor([[True]])))
@example((torch.tensor([[1.0, 1.0], [1.0, 1.0]]), torch.tensor([[True, False], [False, False]])))
@example((torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.ones(2, 2, dtype=torch.bool)))
@example((torch.tensor([[3e38, -3e38]]), torch.tensor([[True, False]])))
@example((torch.tensor([[3.4e38, 3.3e38, -3.4e38]]), torch.tensor([[False, True, False]])))
@example((torch.tensor([[0.0, -0.0, -1e-45]]), torch.tensor([[True, True, False]])))
def test_best_cut_against_every_cut(pair):
    scores, target = pair
    every = f1_of_every_cut(scores, target)
    best = max(every.values())
    cut = best_micro_f1_cut(scores, target)
    chosen = scores >= torch.tensor(cut, dtype=torch.float32)
    reached = sklearn.metrics.f1_score(target.flatten(), chosen.flatten(), pos_label=True, zero_division=0.0)
    assert reached == pytest.approx(best, rel=1e-12)
    # the largest cut among equals, and no two equal scores parted
    largest_cut = max(c for c, f1 in every.items() if f1 == pytest.approx(best, rel=1e-12))
    assert torch.equal(chosen, scores >= largest_cut)


def test_best_cut_by_hand():
    # ranked: 4 (yes), 3 (no), 2 (yes), 1 (no), 0 (no); two positives.
    # F1 after k: 2*1/(1+2) = .667, 2*1/4 = .5, 2*2/5 = .8, 2*2/6 = .667, .571: after three, midway between 2 and 1.
    scores = torch.tensor([[4.0, 3.0, 2.0, 1.0, 0.0]])
    assert best_micro_f1_cut(scores, torch.tensor([[True, False, True, False, False]])) == 1.5


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [0, 4, 3, 2, 1]])
def test_the_best_cut_is_not_sought_among_equals(order):
    # 2 (yes), then four of 1 (one yes): F1 = 2*1/(1+2) = .667 after one, 2*2/(5+2) = .571 after five. Parted after two,
    # which no cut can do, it would be 1.
    target = torch.tensor([[True, True, False, False, False]])[:, order]
    assert best_micro_f1_cut(torch.tensor([[2.0, 1.0, 1.0, 1.0, 1.0]]), target) == 1.5


def test_best_cut_is_micro_over_classes():
    scores, target = torch.randn(200, 5), torch.rand(200, 5) < 0.3
    cut = best_micro_f1_cut(scores, target)
    reached = sklearn.metrics.f1_score(target, scores >= cut, average="micro")
    # sklearn's own curve of precision and recall gives the same best F1
    precision, recall, _ = sklearn.metrics.precision_recall_curve(target.flatten(), scores.flatten())
    assert reached == pytest.approx((2 * precision * recall / (precision + recall).clip(1e-12)).max())


def test_the_lowest_score_may_be_the_cut():
    scores = torch.tensor([[0.25, 0.5]])
    assert best_micro_f1_cut(scores, torch.tensor([[True, True]])) == 0.25


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.data())
def test_midway_parts_two_numbers(lower, data):
    upper = data.draw(st.floats(lower, width=32, allow_nan=False, allow_infinity=False).filter(lambda u: u > lower))
    middle = np.float32(midway(upper, lower))
    assert np.float32(lower) < middle <= np.float32(upper)


@pytest.mark.parametrize("start", [1.0, -1.0, 0.1, -7.3, 1e4, 3e38, -3e38, 1e-40, 0.0])
def test_midway_of_adjacent_floats(start):
    lower = np.float32(start)
    for _ in range(4):  # whichever way the mean would be rounded
        upper = np.nextafter(lower, np.float32(np.inf))
        assert midway(float(upper), float(lower)) == float(upper)
        lower = upper


def test_midway_by_hand():
    assert midway(3.0, 1.0) == 2.0
    assert midway(-1.0, -2.0) == -1.5
    assert midway(3e38, -3e38) == 0.0


def test_midway_is_that_of_float32_whatever_the_default_is():
    upper = float(np.nextafter(np.float32(1), np.float32(2)))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # which has numbers between the two
    try:
        assert midway(upper, 1.0) == upper
    finally:
        torch.set_default_dtype(before)
