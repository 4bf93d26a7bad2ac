"""Conformal quantiles, conformity measures and the cuts that keep a risk below a level, as pure functions.

m rows (examples or positions), c classes, n values, k cuts. Scores are log-odds; a cut is a threshold in score space.
"""

import math
from bisect import bisect_right
from fractions import Fraction

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor


def exact(share: float | Fraction) -> Fraction:
    """The decimal number that was typed, not the binary one next to it.

    (n + 1) 0.9 is a whole number for n = 9; in floating point products like it may lie above, and would be rounded up.

    Example:
        >>> exact(0.9)
        Fraction(9, 10)
    """
    return share if isinstance(share, Fraction) else Fraction(repr(float(share)))


def conformal_rank(n: int, level: float | Fraction) -> int:
    """k = ceil((n + 1) level): a new value is among the k smallest of n + 1 with probability k/(n + 1) >= level.

    Example:
        >>> conformal_rank(9, 0.9)
        9
    """
    return math.ceil((n + 1) * exact(level))


def rows_needed(level: float | Fraction) -> int:
    """The least n for which `conformal_rank` is at most n.

    Example:
        >>> rows_needed(0.9), rows_needed(0.95)
        (9, 19)
    """
    return math.ceil(exact(level) / (1 - exact(level)))


def conformal_quantile(values: Float[Tensor, "n"], level: float | Fraction) -> Float64[Tensor, ""]:
    """The k-th smallest value, k = ceil((n + 1) level); +inf where there are too few values for the level.

    Example:
        >>> conformal_quantile(torch.tensor([3.0, 1.0, 2.0]), 0.5), conformal_quantile(torch.tensor([3.0]), 0.9)
        (tensor(2., dtype=torch.float64), tensor(inf, dtype=torch.float64))

    Source: Vovk, Gammerman and Shafer (2005), "Algorithmic learning in a random world", section 2.2 (split form:
        Papadopoulos et al., 2002).
    """
    rank = conformal_rank(len(values), level)
    if rank > len(values):
        return torch.full((), math.inf, dtype=torch.float64, device=values.device)
    return values.double().sort().values[rank - 1]


def least_ambiguous(scores: Float[Tensor, "m c"]) -> Float64[Tensor, "m c"]:
    """How strange each class would be: minus its score, shape (m, c).

    The order is that of 1 - p, which the score orders too where 1 - p is 0 in floating point.

    Source: Sadinle, Lei and Wasserman (2019), arXiv:1609.00451.
    """
    return -scores.double()


def adaptive(scores: Float[Tensor, "m c"], penalty: float = 0.0, free_ranks: int = 0) -> Float64[Tensor, "m c"]:
    """How strange each class would be: the probability of it and of all that are more probable, shape (m, c).

        E_c = sum_{j: rank_j <= rank_c} p_j + penalty max(0, rank_c - free_ranks)

    with rank 1 for the most probable class, the lowest index first among equals. Of the class itself everything is
    counted: without the random share of Romano et al. the answer to a row is the same each time.

    Args:
        scores: shape (m, c); p is their sigmoid, whether or not it sums to 1.
        penalty: lambda of RAPS, at least 0; 0 for APS.
        free_ranks: k_reg of RAPS, how many classes cost no penalty.

    Example:
        >>> adaptive(torch.tensor([[0.5, 0.3, 0.2]]).logit(), penalty=0.1, free_ranks=1)
        tensor([[0.5000, 0.9000, 1.2000]], dtype=torch.float64)

    Source: Romano, Sesia and Candes (2020), arXiv:2006.02544, with u = 0; Angelopoulos et al. (2021), arXiv:2009.14193,
        equation 4.
    """
    ranked, order = scores.double().sort(dim=1, descending=True, stable=True)
    ranks = torch.arange(1, scores.shape[1] + 1, device=scores.device)
    strangeness = ranked.contiguous().sigmoid().cumsum(dim=1) + penalty * (ranks - free_ranks).clamp(min=0)
    return torch.empty_like(strangeness).scatter(1, order, strangeness)


def cut_of_misses(scores: Float[Tensor, "n"], sizes: Int64[Tensor, "n"], budget: Fraction) -> float:
    """The largest cut below which at most ``budget`` is missed, where a label of a row of ``size`` labels is 1/size.

    All cut points are looked at, and the sums are exact: they are counted by size, so that thirds add up to one.

    Args:
        scores: of all labels of all rows, shape (n,).
        sizes: how many labels the row of each of them has, shape (n,), at least 1.
        budget: what may be missed, at least 0.

    Returns:
        The score of the first label that may not be missed; +inf where all may.

    Example:
        >>> cut_of_misses(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([2, 2, 1]), Fraction(3, 4))  # rows {0, 1}, {2}
        1.0
    """
    ranked, order = scores.double().sort()
    sizes = sizes[order]

    def missed(labels: int) -> Fraction:
        counts = sizes[:labels].bincount().tolist()
        return sum((Fraction(count, size) for size, count in enumerate(counts) if count), Fraction(0))

    spared = bisect_right(range(len(ranked)), budget, key=lambda labels: missed(labels + 1))
    return float(ranked[spared]) if spared < len(ranked) else math.inf


def imprecision_sums(
    scores: Float[Tensor, "m c"], wrong: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"], cuts: Float64[Tensor, "k"]
) -> Float64[Tensor, "k"]:
    """Summed over the rows: which share of the classes that reach a cut is wrong (0 where none does), shape (k,).

    Args:
        scores: shape (m, c).
        wrong: whether the class is not a label of the row, shape (m, c).
        known: whether that is known, shape (m, c); what is not known is not counted.
        cuts: shape (k,), highest first.

    Example:
        >>> scores, wrong = torch.tensor([[2.0, 1.0]]), torch.tensor([[False, True]])
        >>> imprecision_sums(scores, wrong, torch.ones_like(wrong), torch.tensor([3.0, 2.0, 0.0], dtype=torch.float64))
        tensor([0.0000, 0.0000, 0.5000], dtype=torch.float64)
    """
    sums = torch.zeros_like(cuts)
    rows_at_once = max(1, 2**22 // (len(cuts) + 1))  # 32 MiB for each table of rows x cuts
    for start in range(0, len(scores), rows_at_once):
        some, bad, sure = (each[start : start + rows_at_once] for each in (scores, wrong, known))
        first = torch.searchsorted(-cuts, -some.double())  # the first cut that the score reaches
        table = torch.zeros(len(some), len(cuts) + 1, dtype=torch.float64, device=scores.device)
        taken = table.scatter_add(1, first, sure.double()).cumsum(dim=1)[:, :-1]
        of_these = table.scatter_add(1, first, (bad & sure).double()).cumsum(dim=1)[:, :-1]
        sums += (of_these / taken.clamp(min=1)).sum(dim=0)
    return sums
