"""p-values against sums written out and MAPIE, and cuts against a loop and against what they promise."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

from torchheads.tail_bounds import (
    Plan,
    binomial_p_values,
    certified_cut,
    counts_above,
    from_several_starts,
    from_the_top,
    hoeffding_bentkus_p_values,
)

INF = math.inf
PLANS = (from_the_top, from_several_starts)


def tail(errors: int, rows: int, limit: float) -> float:
    """P(Bin(rows, limit) <= errors), term by term."""
    return sum(math.comb(rows, j) * limit**j * (1 - limit) ** (rows - j) for j in range(errors + 1))


@pytest.mark.parametrize("limit", [0.05, 0.2, 0.5, 0.9])
def test_binomial_p_values_are_the_sum_of_terms(limit):
    cases = [(0, 1), (0, 20), (3, 20), (20, 20), (7, 41)]
    errors, rows = (torch.tensor(column) for column in zip(*cases, strict=True))
    expected = [tail(*case, limit) for case in cases]
    assert binomial_p_values(errors.double(), rows, limit).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("limit", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("rows", [1, 37, 500])
def test_hoeffding_bentkus_equals_mapie(limit, rows):
    means = np.array([0.0, 0.0101, 0.0337, 0.1, limit / 2, limit, 0.77])
    expected = compute_hoeffding_bentkus_p_value(means, rows, limit)[:, 0]
    found = hoeffding_bentkus_p_values(torch.tensor(means * rows - 1e-12).clamp(min=0), torch.full((7,), rows), limit)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-9)


def test_hoeffding_bentkus_by_hand():
    # no error in 10 rows at 0.2: exp(10 ln 0.8) = 0.8^10, and e * 0.8^10 is larger
    assert hoeffding_bentkus_p_values(torch.zeros(1).double(), torch.tensor([10]), 0.2).item() == pytest.approx(0.8**10)
    # a mean above the limit says nothing
    assert hoeffding_bentkus_p_values(torch.tensor([5.0]).double(), torch.tensor([10]), 0.2).item() == pytest.approx(1)
    # a sum that is whole but for rounding counts as whole: e P(Bin(100, 0.5) <= 30), not <= 31
    found = hoeffding_bentkus_p_values(torch.tensor([30 + 1e-12]).double(), torch.tensor([100]), 0.5).item()
    assert found == pytest.approx(min(math.e * tail(30, 100, 0.5), math.exp(-100 * 0.0822828)), rel=1e-4)


@pytest.mark.parametrize(("limit", "failure"), [(0.2, 0.1), (0.05, 0.05), (0.5, 0.5), (0.01, 0.3)])
def test_the_first_count_lets_one_wrong_row_pass_and_no_fewer_rows_would(limit, failure):
    counts = counts_above(5000, limit, failure, binomial_p_values).tolist()
    assert tail(1, counts[0], limit) <= failure
    assert tail(1, math.floor(counts[0] / 2 ** (1 / 16)) - 1, limit) > failure
    assert counts[-1] == 5000
    assert counts == sorted(set(counts))
    assert max(b / a for a, b in pairwise(counts)) < 1.1 + 1 / counts[0]


def test_too_few_rows_have_no_cut():
    assert counts_above(17, 0.2, 0.1, binomial_p_values).tolist() == []  # 0.8^17 + 17 * 0.2 * 0.8^16 = 0.118
    assert counts_above(18, 0.2, 0.1, binomial_p_values).tolist() == [18]  # 0.099
    assert counts_above(0, 0.2, 0.1, binomial_p_values).tolist() == []
    for make in PLANS:
        plan = make(17, 0.2, 0.1, binomial_p_values)
        assert len(plan.counts) == len(plan.shares) == 0
        assert certified_cut(torch.arange(17.0), torch.zeros(17), 0.2, plan, binomial_p_values) == INF


@pytest.mark.parametrize("rows", [18, 60, 100, 500, 5000, 100_000])
@pytest.mark.parametrize(("limit", "failure"), [(0.2, 0.1), (0.05, 0.05), (0.5, 0.5)])
def test_the_shares_of_a_plan_are_the_whole(rows, limit, failure):
    top, several = (make(rows, limit, failure, binomial_p_values) for make in PLANS)
    for plan in (top, several):
        assert plan.shares.sum().item() == pytest.approx(failure if len(plan.counts) else 0)
    if len(top.counts):
        assert top.shares.nonzero().tolist() == [[0]]
        starts = several.counts[several.shares > 0]
        assert starts[0] == several.counts[0]
        assert ((starts[1:] / starts[:-1] > 3.7) & (starts[1:] / starts[:-1] < 4.4)).all()
        assert starts[-1] * 4.5 > rows * 0.7  # and not fewer starts than there is room for, at their smaller shares
        assert tail(1, int(starts[0]), limit) <= several.shares[0]


def looped(confidence: list[float], errors: list[float], limit: float, plan: Plan) -> float:
    """`certified_cut` row by row, for errors of 0 and 1: the confidence that is left out, or inf."""
    lowest, handed_on = INF, 0.0
    ranked = sorted(confidence, reverse=True)
    for count, share in zip(plan.counts.tolist(), plan.shares.tolist(), strict=True):
        left_out = ranked[count] if count < len(ranked) else -INF
        taken = [error for own, error in zip(confidence, errors, strict=True) if own > left_out]
        level = handed_on + share
        passes = bool(taken) and tail(int(sum(taken)), len(taken), limit) <= level
        handed_on = level if passes else 0.0
        lowest = left_out if passes else lowest
    return lowest


@pytest.mark.parametrize("make", PLANS)
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("levels", [5, 40, 10**6])  # how many different confidences: many ties, some, none
def test_the_cut_is_that_of_the_loop(make, seed, levels):
    random = torch.Generator().manual_seed(seed)
    confidence = torch.randint(levels, (150,), generator=random).double() / levels
    errors = (torch.rand(150, generator=random) < 0.35 * (1 - confidence)).double()
    plan = make(150, 0.2, 0.1, binomial_p_values)
    expected = looped(confidence.tolist(), errors.tolist(), 0.2, plan)
    found = certified_cut(confidence, errors, 0.2, plan, binomial_p_values)
    assert found == (INF if expected == INF else math.nextafter(expected, INF))


@pytest.mark.parametrize("make", PLANS)
def test_where_all_is_right_everything_reaches_the_cut(make):
    plan = make(50, 0.2, 0.1, binomial_p_values)
    assert certified_cut(torch.arange(50.0), torch.zeros(50), 0.2, plan, binomial_p_values) < -1e300


def test_a_failed_test_ends_the_sequence():
    # right from 970 up, wrong from 940 to 970, right below: the lower cuts would pass, but one sequence is over by then
    confidence = torch.arange(1000.0)
    errors = ((confidence < 970) & (confidence >= 940)).double()
    assert tail(30, 304, 0.25) < 0.01
    top, several = (make(1000, 0.25, 0.1, binomial_p_values) for make in PLANS)
    assert 950 < certified_cut(confidence, errors, 0.25, top, binomial_p_values) < 970
    assert certified_cut(confidence, errors, 0.25, several, binomial_p_values) < 0  # a later start is not


def test_nothing_is_handed_on_by_a_cut_that_failed():
    # 10 of the first 100 rows are wrong, and none after: at the second cut a level of 0.05 + 0.05 would pass, 0.05 not
    plan = Plan(torch.tensor([100, 105]), torch.tensor([0.05, 0.05]).double())
    errors = torch.zeros(200).index_fill(0, torch.arange(10), 1.0)
    at = [tail(10, count, 0.15) for count in (100, 105)]
    assert 0.05 < at[1] < at[0] < 0.1
    assert certified_cut(torch.arange(200.0, 0, -1), errors, 0.15, plan, binomial_p_values) == INF
    passed = Plan(plan.counts, torch.tensor([0.2, 0.0]).double())
    assert certified_cut(torch.arange(200.0, 0, -1), errors, 0.15, passed, binomial_p_values) == math.nextafter(
        95.0, INF
    )


@pytest.mark.parametrize("make", PLANS)
@pytest.mark.parametrize("p_values", [binomial_p_values, hoeffding_bentkus_p_values])
def test_cuts_exceed_the_limit_as_rarely_as_promised(make, p_values):
    # P(wrong | confidence u) = 1 - u for u uniform: above a cut t the error rate is (1 - t)/2, at most 0.2 from 0.6 on
    random, cuts = torch.Generator().manual_seed(0), []
    plan = make(250, 0.2, 0.1, p_values)
    for _ in range(300):
        confidence = torch.rand(250, generator=random, dtype=torch.float64)
        wrong = (torch.rand(250, generator=random) > confidence).double()
        cuts.append(certified_cut(confidence, wrong, 0.2, plan, p_values))
    too_low = np.mean([cut < 0.6 for cut in cuts])
    assert too_low <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 300)
    assert np.mean([cut < 0.9 for cut in cuts]) > 0.5  # and it is of use
