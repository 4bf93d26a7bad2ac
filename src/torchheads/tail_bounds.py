"""Error rates shown to lie below a limit: how unlikely what was seen would be if they did not, and the lowest such cut.

m rows, k cuts.
"""

import math
from collections.abc import Callable

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


def certified_cut(
    confidence: Float[Tensor, "m"], errors: Float[Tensor, "m"], limit: float, failure: float, p_values: PValues
) -> float:
    """The lowest cut of a confidence above which errors are rarer than a limit, but for a probability of ``failure``.

    Cuts are the (n+1)-th largest of the confidences, for numbers n that `counts_above` fixes without a look at any
    error. The n rows above such a cut are a plain sample of all rows above it, so that each p-value holds for the cut
    as it fell. They are tested from the highest cut down, each at the full ``failure``, until the first one fails
    (fixed sequence): a cut that exceeds the limit is taken only if the first such one passes. That is a chance of
    ``failure`` at most where the error rate, once it has exceeded the limit on the way down, stays above it.
    (Bonferroni needs not even that. With its share of ``failure`` for each cut it found 0.25 of the labels of a
    simulated class of 10 % of the rows, where this finds 0.49.)

    Args:
        confidence: shape (m,), of rows that are independent of each other.
        errors: of each row, in [0, 1], shape (m,).
        limit: error rate in (0, 1).
        failure: probability in (0, 1) with which the cut may be wrong.
        p_values: one of the functions above, as the errors are.

    Returns:
        The cut, which the rows above reach; +inf where no cut passes.

    Example:
        >>> confidence = torch.arange(100.0)
        >>> certified_cut(confidence, (confidence < 50).double(), 0.1, 0.1, binomial_p_values) <= 50
        True

    Source: learn then test, Angelopoulos et al. (2021), arXiv:2110.01052, sections 2 and 4.
    """
    counts = counts_above(len(confidence), limit, failure, p_values).to(confidence.device)
    ranked, order = confidence.double().sort(descending=True)
    summed = torch.cat([ranked.new_zeros(1), errors.double()[order].cumsum(0)])
    left_out = torch.cat([ranked, ranked.new_full((1,), -math.inf)])[counts]
    taken = torch.searchsorted(-ranked, -left_out)  # fewer than counted where the cut falls among equals
    left_out, taken = left_out[taken > 0], taken[taken > 0]
    passed = (p_values(summed[taken], taken, limit) <= failure).cumprod(0).bool()
    lowest = left_out.masked_fill(~passed, math.inf).amin() if len(passed) else left_out.new_tensor(math.inf)
    return float(lowest.nextafter(lowest.new_tensor(math.inf)))


def counts_above(rows: int, limit: float, failure: float, p_values: PValues) -> Int64[Tensor, "k"]:
    """How many rows lie above each cut that is tested, fewest first, sixteen cuts to each doubling, shape (k,).

    The first of them are so many that one wrong row among them still passes: of fewer rows, all would have to be right.

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
