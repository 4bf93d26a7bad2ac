"""Decisions against three witnesses (a literal loop, a reference library, a value worked by hand)."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis.extra import numpy as st_numpy

from torchheads.decisions.functional.answers import (
    REJECTED,
    above,
    largest,
    largest_above,
    limited,
    logit,
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


# Limits of sets -------------------------------------------------------------------------------------------------------


@given(SCORES, st.data())
def test_limited_is_the_loop(scores, data):
    c = scores.shape[1]
    least = data.draw(st.integers(0, c))
    most = data.draw(st.none() | st.integers(max(1, least), c))
    chosen = scores >= 0.5
    loop = []
    for row, margins in zip(chosen.tolist(), scores.tolist(), strict=True):
        ranked = sorted(range(c), key=lambda j: (-margins[j], j))
        taken = {j for j in range(c) if row[j]} | set(ranked[:least])
        loop.append([j in taken and (most is None or j in ranked[:most]) for j in range(c)])
    assert limited(chosen, scores, least, most).tolist() == loop
