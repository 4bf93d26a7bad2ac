"""Quantiles, measures and cuts against loops, whole-number arithmetic and values worked by hand."""

import math
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.guarantees.functional import (
    adaptive,
    conformal_quantile,
    conformal_rank,
    cut_of_misses,
    exact,
    imprecision_sums,
    least_ambiguous,
    rows_needed,
)
from torchheads.links import SOFTMAX

INF = math.inf


def test_the_level_is_the_number_that_was_typed():
    assert exact(0.9) == Fraction(9, 10)
    assert exact(np.float64(0.07)) == Fraction(7, 100)
    assert exact(1 - exact(0.1)) == Fraction(9, 10)


@given(st.integers(1, 5000), st.integers(1, 99))
def test_the_rank_is_that_of_whole_numbers(n, percent):
    assert conformal_rank(n, percent / 100) == -(-(n + 1) * percent // 100)


def test_ranks_that_floats_get_wrong():
    assert math.ceil(100 * 0.07) == 8  # 7.000000000000001
    assert conformal_rank(99, 0.07) == 7


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99, 0.07])
def test_the_fewest_rows(level):
    least = next(n for n in range(1, 1000) if conformal_rank(n, level) <= n)
    assert rows_needed(level) == least


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.integers(1, 99))
def test_the_quantile_is_the_ranked_value(values, percent):
    rank = -(-(len(values) + 1) * percent // 100)
    expected = sorted(values)[rank - 1] if rank <= len(values) else INF
    assert conformal_quantile(torch.tensor(values).float(), percent / 100).item() == expected


def test_no_value_has_no_quantile():
    assert conformal_quantile(torch.zeros(0), 0.5).item() == INF


# Measures -------------------------------------------------------------------------------------------------------------


def test_least_ambiguous_orders_where_probabilities_no_longer_do():
    logits = torch.tensor([[50.0, 0.0, -1.0], [60.0, 0.0, -1.0]])
    assert SOFTMAX.probabilities(logits)[:, 0].tolist() == [1.0, 1.0]
    strange = least_ambiguous(SOFTMAX.scores(logits))
    assert strange[1, 0] < strange[0, 0]


@pytest.mark.parametrize(("penalty", "free"), [(0.0, 0), (0.25, 2)])
def test_adaptive_is_the_loop(penalty, free):
    probabilities = torch.rand(20, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    probabilities[:5] = probabilities[:5].mul(4).round().div(4).clamp(0.1, 0.9)  # with ties
    expected = torch.zeros_like(probabilities)
    for row, values in enumerate(probabilities.tolist()):
        ranked = sorted(range(6), key=lambda label: (-values[label], label))
        total = 0.0
        for rank, label in enumerate(ranked, start=1):
            total += values[label]
            expected[row, label] = total + penalty * max(0, rank - free)
    torch.testing.assert_close(adaptive(probabilities.logit(), penalty, free), expected, rtol=0, atol=1e-12)


def test_adaptive_by_hand():
    # p = 0.2, 0.5, 0.3: the second comes first with 0.5, then the third with 0.8 + 0.1, then the first with 1 + 0.2
    found = adaptive(torch.tensor([[0.2, 0.5, 0.3]]).logit(), penalty=0.1, free_ranks=1)
    assert found.tolist() == [pytest.approx([1.2, 0.5, 0.9], abs=1e-6)]


def test_adaptive_does_not_care_what_other_rows_there_are():
    scores = torch.randn(33, 7, generator=torch.Generator().manual_seed(1))
    assert torch.equal(adaptive(scores)[5:6], adaptive(scores[5:6]))
    order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(adaptive(scores[:, order]), adaptive(scores)[:, order], rtol=0, atol=1e-14)


# Cuts -----------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(1, 6)), max_size=12), st.integers(0, 12))
def test_the_cut_of_misses_is_that_of_all_cut_points(labels, quarters):
    budget = Fraction(quarters, 4)
    allowed = [
        cut
        for cut in [*{score for score, _ in labels}, INF]
        if sum((Fraction(1, size) for score, size in labels if score < cut), Fraction(0)) <= budget
    ]
    scores = torch.tensor([score for score, _ in labels]).float()
    sizes = torch.tensor([size for _, size in labels]).long()
    assert cut_of_misses(scores, sizes, budget) == max(allowed)


def test_shares_add_up_to_one_whole():
    # 1/s added s times in floating point exceeds 1 for some s, and then the whole row would be one label too many
    beyond = [size for size in range(2, 100) if list(accumulate([1 / size] * size))[-1] > 1]
    assert beyond
    for size in beyond:
        assert cut_of_misses(torch.arange(float(size)), torch.full((size,), size), Fraction(1)) == INF


def test_imprecision_is_the_loop_over_more_rows_than_are_held_at_once():
    random = torch.Generator().manual_seed(0)
    scores = torch.randn(9000, 3, generator=random)
    wrong, known = torch.rand(9000, 3, generator=random) < 0.4, torch.rand(9000, 3, generator=random) < 0.8
    cuts = torch.linspace(2, -2, 1001, dtype=torch.float64)
    cuts[500] = float(scores[0, 0])  # equality reaches the cut
    cuts = cuts.sort(descending=True).values
    found = imprecision_sums(scores, wrong, known, cuts)
    for index in (0, 3, 499, 500, 501, 1000):
        taken = (scores.double() >= cuts[index]) & known
        expected = ((taken & wrong).sum(dim=1) / taken.sum(dim=1).clamp(min=1)).double().sum()
        torch.testing.assert_close(found[index], expected, rtol=1e-6, atol=0)
