"""Confidence, errors and the lowest cut against loops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.decisions.functional.selection import (
    JUDGES,
    expected_share_right,
    largest_score,
    lowest_cut,
    share_wrong,
    wrong_class,
)

INF = math.inf


def test_confidence_in_a_set_is_that_in_what_it_says_of_each_class():
    random = torch.Generator().manual_seed(0)
    scores, sets = torch.randn(9, 4, generator=random), torch.rand(9, 4, generator=random) < 0.5
    p = scores.double().sigmoid()
    expected = [sum(p[i, c] if sets[i, c] else 1 - p[i, c] for c in range(4)) / 4 for i in range(9)]
    assert expected_share_right(scores, sets).tolist() == pytest.approx([value.item() for value in expected])
    at_one_half = expected_share_right(scores, scores >= 0)
    torch.testing.assert_close(at_one_half, torch.maximum(p, 1 - p).mean(dim=1))


def test_confidence_in_a_class_is_its_score_which_does_not_saturate():
    scores = torch.tensor([[60.0, -60.0], [-50.0, 50.0]])
    assert largest_score(scores, scores.argmax(dim=1)).tolist() == [60.0, 50.0]


def test_errors():
    target = torch.tensor([[True, False, True], [False, False, False]])
    sets = torch.tensor([[True, True, False], [False, False, True]])
    assert share_wrong(sets, target, None).tolist() == [pytest.approx(2 / 3), pytest.approx(1 / 3)]
    known = torch.tensor([[True, True, False], [True, False, False]])
    assert share_wrong(sets, target, known).tolist() == [1 / 2, 0.0]
    assert share_wrong(sets, ~target, known).tolist() == [1 / 2, 1.0]  # the one known label of the second row is wrong
    assert wrong_class(torch.tensor([2, 1]), target, None).tolist() == [0.0, 1.0]
    assert wrong_class(torch.tensor([-1, 1]), target, None).tolist() == [1.0, 1.0]  # no class is not the right one


def test_what_is_withheld():
    abstained = torch.tensor([True, False])
    assert JUDGES["single"].without(torch.tensor([3, 4]), abstained).tolist() == [-1, 4]
    assert JUDGES["multi"].without(torch.ones(2, 2).bool(), abstained).tolist() == [[False, False], [True, True]]


ROWS = st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 3)), max_size=20)


@given(ROWS, st.sampled_from([0.05, 0.1, 0.29, 0.5, 0.9]))
def test_the_cut_is_the_lowest_of_all(rows, max_error):
    confidence = torch.tensor([own for own, _ in rows], dtype=torch.float64)
    errors = torch.tensor([error / 3 for _, error in rows], dtype=torch.float64)
    cut = lowest_cut(confidence, errors, max_error)
    fine = []
    for threshold in {own for own, _ in rows}:
        thirds = [error for own, error in rows if own >= threshold]
        if sum(thirds) * 100 <= round(max_error * 100) * 3 * len(thirds):
            fine.append(threshold)
    answered = {own for own, _ in rows if own >= cut}
    assert answered == {own for own, _ in rows if fine and own >= min(fine)}
    if not fine:
        assert cut == INF
    elif len(answered) == len({own for own, _ in rows}):
        assert cut == -INF
    else:
        below = max({own for own, _ in rows} - answered)
        assert cut == (min(answered) + below) / 2


def test_neighbours_with_nothing_between_them():
    upper, lower = 1.0, math.nextafter(1.0, 0)
    cut = lowest_cut(torch.tensor([upper, lower], dtype=torch.float64), torch.tensor([0.0, 1.0]).double(), 0.1)
    assert lower < cut <= upper


def test_the_lowest_cut_by_hand():
    # errors 0, 1, 1: one in two is half of them exactly; two in three are more
    confidence, errors = torch.tensor([3.0, 2.0, 1.0]).double(), torch.tensor([0.0, 1.0, 1.0]).double()
    assert lowest_cut(confidence, errors, 0.5) == 1.5
    assert lowest_cut(confidence, errors, 0.49) == 2.5
    assert lowest_cut(confidence, errors, 0.9) == -INF


@pytest.mark.parametrize("lower", [1.0, 3.0, -7.3, 1e-300])
def test_a_cut_between_neighbours_never_takes_the_lower(lower):
    for _ in range(4):  # whichever way the mean would be rounded
        upper = math.nextafter(lower, INF)
        cut = lowest_cut(torch.tensor([upper, lower], dtype=torch.float64), torch.tensor([0.0, 1.0]).double(), 0.1)
        assert lower < cut <= upper
        lower = upper


@pytest.mark.parametrize(("rows", "percent"), [(100, 53), (100, 59), (75, 84), (150, 42)])
def test_an_error_of_exactly_the_largest_allowed_is_allowed(rows, percent):
    # so many of the rows are wrong, the least sure ones: all of them have an error of exactly max_error
    errors = torch.zeros(rows, dtype=torch.float64)
    errors[rows - rows * percent // 100 :] = 1
    assert lowest_cut(torch.arange(rows, 0, -1).double(), errors, percent / 100) == -torch.inf


def test_the_lowest_cut_keeps_to_the_error_whatever_the_default_dtype_is():
    random = torch.Generator().manual_seed(0)
    confidence = torch.randn(3000, generator=random, dtype=torch.float64)
    errors = (torch.rand(3000, generator=random) < (0.4 - 0.15 * confidence).clamp(0, 1)).double()
    torch.set_default_dtype(torch.bfloat16)
    try:
        cut = lowest_cut(confidence, errors, 0.2)
    finally:
        torch.set_default_dtype(torch.float32)
    assert errors[confidence >= cut].mean() <= 0.2
