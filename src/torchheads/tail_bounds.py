"""Error rates shown to lie below a limit: how unlikely what was seen would be if they did not, and the lowest such cut.

m rows, k cuts.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

PValues = Callable[[Tensor, Tensor, float], Tensor]

ROUNDING = 1e-9
"""What sums of many shares may be off by, in float64."""


def binomial_p_values(errors: Float64[Tensor, "k"], rows: Int64[Tensor, "k"], limit: float) -> Float64[Tensor, "k"]:
    """How likely so few errors are where each row is wrong with probability ``limit`` or more, shape (k,); exact.

        p = P(Bin(rows, limit) <= errors)

    For rows that are right or wrong; `hoeffding_bentkus_p_values` is for rows that are partly wrong.

    Args:
        errors: number of wrong rows, shape (k,).
        rows: number of rows, shape (k,), at least 1.
        limit: error rate in (0, 1).

    Example:
        >>> binomial_p_values(torch.zeros(1, dtype=torch.float64), torch.tensor([2]), 0.5)  # (1 - 0.5)^2
        tensor([0.2500], dtype=torch.float64)

    Source: Geifman and El-Yaniv (2017), arXiv:1705.08500, lemma 3.1.
    """
    from scipy.stats import binom  # type: ignore[import-untyped]

    return torch.as_tensor(binom.cdf(errors.cpu().numpy(), rows.cpu().numpy(), limit)).to(errors.device)


def hoeffding_bentkus_p_values(
    errors: Float64[Tensor, "k"], rows: Int64[Tensor, "k"], limit: float
) -> Float64[Tensor, "k"]:
    """As `binomial_p_values`, for rows whose errors are shares in [0, 1]; never too small, shape (k,).

        p = min( exp(-n h(min(r, a), a)),  e P(Bin(n, a) <= ceil(n r)) ),   h(r, a) = r ln(r/a) + (1-r) ln((1-r)/(1-a))

    with n rows, mean error r and limit a.

    Args:
        errors: sum of the rows' errors, shape (k,).
        rows: number of rows, shape (k,), at least 1.
        limit: error rate in (0, 1).

    Example:
        >>> hoeffding_bentkus_p_values(torch.zeros(1, dtype=torch.float64), torch.tensor([2]), 0.5)
        tensor([0.2500], dtype=torch.float64)

    Source: Bates et al. (2021), arXiv:2101.02703, section 3.1; Angelopoulos et al. (2021), arXiv:2110.01052, prop. 2.
    """
    mean = (errors / rows).clamp(max=limit)
    divergence = torch.xlogy(mean, mean / limit) + torch.xlogy(1 - mean, (1 - mean) / (1 - limit))
    whole = (errors - ROUNDING).ceil()
    return torch.minimum((-rows * divergence).exp(), math.e * binomial_p_values(whole, rows, limit))


class Plan(NamedTuple):
    """Which cuts are tested, in what order and how strictly, fixed before anything is known of errors.

    ``counts``: how many rows lie above each cut, fewest first, shape (k,). ``shares``: what each cut adds to the
    probability of failure that those before it hand on, shape (k,); together at most the whole.
    """

    counts: Int64[Tensor, "k"]
    shares: Float64[Tensor, "k"]


def certified_cut(
    confidence: Float[Tensor, "m"], errors: Float[Tensor, "m"], limit: float, plan: Plan, p_values: PValues
) -> float:
    """The lowest cut of a confidence above which errors are rarer than a limit, but for the plan's chance of failure.

    A cut is the (n+1)-th largest confidence, for a number n of the plan. The n rows above it are a plain sample of all
    rows above it, so that each p-value holds for the cut as it fell. Cuts are tested from the highest down. One passes
    if its p-value is at most its level: its own share, and the level of the cut before if that one passed (fallback
    procedure; a fixed sequence where the first cut has the whole). So a cut above which the limit is exceeded is taken
    with the plan's probability of failure at most, where the error rate, once it has exceeded the limit on the way
    down, stays above it.

    Args:
        confidence: shape (m,), of rows that are independent of each other.
        errors: of each row, in [0, 1], shape (m,).
        limit: error rate in (0, 1).
        plan: `from_the_top` or `from_several_starts`, for m rows.
        p_values: one of the functions above, as the errors are.

    Returns:
        The cut, which the rows above reach; +inf where no cut passes.

    Example:
        >>> confidence, plan = torch.arange(100.0), from_the_top(100, 0.1, 0.1, binomial_p_values)
        >>> certified_cut(confidence, (confidence < 50).double(), 0.1, plan, binomial_p_values) <= 50
        True

    Source: learn then test, Angelopoulos et al. (2021), arXiv:2110.01052, sections 2 and 4; Wiens (2003), "A fixed
        sequence Bonferroni procedure for testing multiple endpoints".
    """
    ranked, order = confidence.double().sort(descending=True)
    summed = torch.cat([ranked.new_zeros(1), errors.double()[order].cumsum(0)])
    left_out = torch.cat([ranked, ranked.new_full((1,), -math.inf)])[plan.counts.to(ranked.device)]
    taken = torch.searchsorted(-ranked, -left_out)  # fewer than counted where the cut falls among equals
    found = p_values(summed[taken], taken.clamp(min=1), limit).masked_fill(taken == 0, 1)
    lowest, level = math.inf, 0.0
    for p_value, share, cut in zip(found.tolist(), plan.shares.tolist(), left_out.tolist(), strict=True):
        level += share
        if p_value <= level < 1:
            lowest = cut
        else:
            level = 0.0
    return math.nextafter(lowest, math.inf)


def from_the_top(rows: int, limit: float, failure: float, p_values: PValues) -> Plan:
    """One sequence from the highest cut down, until the first cut fails: for events so rare that few rows tell them.

    Of a simulated class of 2 % (10 %) of the rows it kept 25 % (46 %) of the labels, of which `from_several_starts`
    keeps 5 % (40 %).
    """
    counts = counts_above(rows, limit, failure, p_values)
    shares = torch.zeros(len(counts), dtype=torch.float64)
    shares[:1] = failure
    return Plan(counts, shares)


def from_several_starts(rows: int, limit: float, failure: float, p_values: PValues) -> Plan:
    """Sequences that start at cuts with four times as many rows above each: for answers to many of the rows.

    A few errors at the top, where few rows prove little, no longer end everything: in a simulation at a limit of 10 %
    and 2,000 rows it answered 52 % of the rows, and `from_the_top` 28 %.
    """
    tried = {starts: counts_above(rows, limit, failure / starts, p_values) for starts in range(12, 0, -1)}
    fitting = [starts for starts, counts in tried.items() if len(counts) and counts[0] * 4 ** (starts - 1) <= rows]
    starts = fitting[0] if fitting else 1
    counts = tried[starts]
    shares = torch.zeros(len(counts), dtype=torch.float64)
    if len(counts):
        shares[torch.searchsorted(counts, counts[0] * 4 ** torch.arange(starts))] = failure / starts
    return Plan(counts, shares)


def counts_above(rows: int, limit: float, failure: float, p_values: PValues) -> Int64[Tensor, "k"]:
    """How many rows lie above each cut that is tested, fewest first, sixteen cuts to each doubling, shape (k,).

    The first of them are so many that one wrong row among them still passes; of fewer rows, all would have to be right.

    Args:
        rows: number of rows in all.
        limit: error rate in (0, 1).
        failure: largest p-value that passes.
        p_values: the test.

    Example:
        >>> counts_above(25, limit=0.2, failure=0.1, p_values=binomial_p_values)
        tensor([18, 19, 20, 21, 22, 23, 24, 25])
    """
    enough = torch.arange(2, 4 + math.ceil(10 * (1 - math.log(failure)) / limit))
    passes = p_values(torch.ones(len(enough), dtype=torch.float64), enough, limit) <= failure
    least = int(enough[passes][0])
    steps = range(math.floor(16 * math.log2(max(rows, 1) / least)) + 1)
    return torch.tensor(sorted({round(rows * 2 ** (-step / 16)) for step in steps}), dtype=torch.int64)
