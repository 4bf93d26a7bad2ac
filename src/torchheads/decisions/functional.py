"""Decisions as pure functions of scores.

m rows (examples or positions), c classes. Scores are calibrated log-odds; a cut is a threshold in score space.
"""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

REJECTED = -1
"""What a single-label prediction is where no class is good enough."""


def largest(scores: Float[Tensor, "m c"]) -> Int64[Tensor, "m"]:
    """Index of each row's largest score, shape (m,); the lowest index among equals.

    Example:
        >>> largest(torch.tensor([[0.0, 2.0, 2.0]]))
        tensor([1])
    """
    return scores.argmax(dim=1)


def largest_above(scores: Float[Tensor, "m c"], cut: Float[Tensor, "1"]) -> Int64[Tensor, "m"]:
    """Index of each row's largest score where it reaches the cut, else -1, shape (m,); equality counts.

    Example:
        >>> largest_above(torch.tensor([[0.0, 2.0], [0.0, 1.0]]), torch.tensor([2.0]))
        tensor([ 1, -1])
    """
    chosen = scores.argmax(dim=1, keepdim=True)
    return chosen.where(scores.gather(1, chosen) >= cut, REJECTED).squeeze(1)


def above(scores: Float[Tensor, "m c"], cut: Float[Tensor, "c"]) -> Bool[Tensor, "m c"]:
    """Which scores reach their class's cut, shape (m, c); equality counts.

    Example:
        >>> above(torch.tensor([[2.9, 3.0]]), torch.tensor([3.0, 3.0]))
        tensor([[False,  True]])
    """
    return scores >= cut


def top_k(scores: Float[Tensor, "m c"], k: int) -> Bool[Tensor, "m c"]:
    """Each row's k largest scores, shape (m, c); the lowest index first among equals.

    Example:
        >>> top_k(torch.tensor([[1.0, 3.0, 2.0]]), 2)
        tensor([[False,  True,  True]])
    """
    chosen = scores.argsort(dim=1, descending=True, stable=True)[:, :k]
    return torch.zeros_like(scores, dtype=torch.bool).scatter(1, chosen, True)


def logit(probability: float) -> float:
    """The score of a probability, ln p/(1-p): -inf at 0, +inf at 1.

    Example:
        >>> logit(0.5)
        0.0
    """
    if probability in (0.0, 1.0):
        return math.inf if probability else -math.inf
    return math.log(probability) - math.log1p(-probability)


def best_micro_f1_cut(scores: Float[Tensor, "m c"], target: Bool[Tensor, "m c"]) -> float:
    """The one cut for all classes that maximises micro-F1, found among all cuts there are.

        F1(k) = 2 TP(k) / (k + P)

    where the k largest of all scores are called positive, TP(k) of them rightly, and P entries are positive in all.
    One sort, O(m c log(m c)). Equal scores are never parted; the cut lies midway between the last score taken and the
    first one left, and the largest cut wins among equals.

    Args:
        scores: finite, shape (m, c).
        target: shape (m, c), with at least one positive entry.

    Returns:
        The cut in score space.

    Example:
        >>> best_micro_f1_cut(torch.tensor([[2.0, -1.0], [0.0, -3.0]]), torch.tensor([[True, False], [True, False]]))
        -0.5

    Source: all cut points of the ranked list, as in Lipton, Elkan and Narayanaswamy (2014), arXiv:1402.1892.
    """
    ranked, order = scores.flatten().sort(descending=True)
    hits = target.flatten()[order].cumsum(0)
    taken = torch.arange(1, ranked.numel() + 1, device=ranked.device)
    f1 = 2 * hits.double() / (taken + hits[-1])
    last_of_its_value = torch.ones_like(hits, dtype=torch.bool)
    last_of_its_value[:-1] = ranked[:-1] != ranked[1:]
    best = int(f1.where(last_of_its_value, -1).argmax())
    if best + 1 == ranked.numel():
        return float(ranked[best])
    return midway(float(ranked[best]), float(ranked[best + 1]))


def midway(upper: float, lower: float) -> float:
    """A number that float32 keeps above ``lower`` and not above ``upper``: their mean, or ``upper`` if they touch.

    Example:
        >>> midway(3.0, 1.0)
        2.0
    """
    middle = float(torch.tensor(lower + (upper - lower) / 2, dtype=torch.float32))
    return middle if lower < middle <= upper else upper
