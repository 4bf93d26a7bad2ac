"""Which rows are answered: confidence and error of a row on either label type, and the lowest cut of the one.

m rows (examples or positions), c classes. Scores are calibrated log-odds.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.decisions.functional.answers import REJECTED
from torchheads.tail_bounds import ROUNDING, PValues, binomial_p_values, hoeffding_bentkus_p_values


class Judge(NamedTuple):
    """What errors and confidence are on data of a label type."""

    confidence: Callable[[Tensor, Tensor], Tensor]
    errors: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    without: Callable[[Tensor, Tensor], Tensor]
    p_values: PValues


def largest_score(scores: Float[Tensor, "m c"], predictions: Tensor) -> Float64[Tensor, "m"]:
    """The score of the most probable class, shape (m,)."""
    return scores.double().amax(dim=1)


def expected_share_right(scores: Float[Tensor, "m c"], sets: Bool[Tensor, "m c"]) -> Float64[Tensor, "m"]:
    """Mean over the classes of the probability of what the set says: p of those in it, 1 - p of the others, shape (m,).

    It is the mean of max(p, 1 - p) for sets cut at p = 1/2.

    Example:
        >>> expected_share_right(torch.tensor([[0.9, 0.2]]).logit(), torch.tensor([[True, False]]))
        tensor([0.8500], dtype=torch.float64)
    """
    scores = scores.double()
    return scores.where(sets, -scores).sigmoid().mean(dim=1)


def wrong_class(predictions: Tensor, target: Bool[Tensor, "m c"], known: Tensor | None) -> Float64[Tensor, "m"]:
    """1 where the class is wrong, or none was named, shape (m,)."""
    right = target.gather(1, predictions.clamp(min=0).unsqueeze(1)).squeeze(1)
    return (~right | (predictions == REJECTED)).double()


def share_wrong(sets: Bool[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Tensor | None) -> Float64[Tensor, "m"]:
    """Share of the classes that are wrongly in a set or wrongly left out, of those that are known, shape (m,).

    Example:
        >>> share_wrong(torch.tensor([[True, False]]), torch.tensor([[True, True]]), None)
        tensor([0.5000], dtype=torch.float64)
    """
    known = torch.ones_like(target) if known is None else known
    return ((sets != target) & known).sum(dim=1).double() / known.sum(dim=1).clamp(min=1)


def lowest_cut(confidence: Float64[Tensor, "m"], errors: Float64[Tensor, "m"], max_error: float) -> float:
    """The lowest cut for which the rows that reach it have a mean error of at most ``max_error``.

    Returns:
        A number midway between two confidences; -inf where all rows may be answered, +inf where none may.

    Example:
        >>> confidence, errors = torch.tensor([3.0, 2.0, 1.0]).double(), torch.tensor([0.0, 1.0, 1.0]).double()
        >>> lowest_cut(confidence, errors, 0.5), lowest_cut(confidence, errors, 0.9)
        (1.5, -inf)
    """
    ranked, order = confidence.sort(descending=True)
    ends = ranked != torch.cat([ranked[1:], ranked.new_full((1,), -math.inf)])  # equal ones are never parted
    answered = torch.arange(1, len(ranked) + 1, dtype=torch.float64, device=ranked.device)
    within = (errors[order].cumsum(0) <= max_error * answered + ROUNDING) & ends
    if not within.any():
        return math.inf
    last = int(within.nonzero()[-1])
    if last + 1 == len(ranked):
        return -math.inf
    upper, lower = float(ranked[last]), float(ranked[last + 1])
    middle = lower + (upper - lower) / 2
    return middle if lower < middle else upper


JUDGES = {
    "single": Judge(
        largest_score,
        wrong_class,
        lambda classes, abstained: classes.masked_fill(abstained, REJECTED),
        binomial_p_values,
    ),
    "multi": Judge(
        expected_share_right,
        share_wrong,
        lambda sets, abstained: sets & ~abstained.unsqueeze(1),
        hoeffding_bentkus_p_values,
    ),
}
