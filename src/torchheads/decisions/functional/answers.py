"""What cuts answer: decisions as pure functions of scores.

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


def limited(
    chosen: Bool[Tensor, "m c"], margins: Float[Tensor, "m c"], least: int, most: int | None
) -> Bool[Tensor, "m c"]:
    """Sets of at least ``least`` and at most ``most`` classes, those with the largest margins, shape (m, c).

    Args:
        chosen: the sets without limits.
        margins: by how much each score exceeds its class's cut; the lowest index first among equals.
        least: 0 for sets that may be empty.
        most: None for any number.

    Example:
        >>> limited(torch.tensor([[False, False], [True, True]]), torch.tensor([[-2.0, -1.0], [3.0, 4.0]]), 1, 1)
        tensor([[False,  True],
                [False,  True]])
    """
    if least > 0:
        chosen = chosen | top_k(margins, least)
    return chosen if most is None else chosen & top_k(margins, most)


def logit(probability: float) -> float:
    """The score of a probability, ln p/(1-p): -inf at 0, +inf at 1.

    Example:
        >>> logit(0.5)
        0.0
    """
    if probability in (0.0, 1.0):
        return math.inf if probability else -math.inf
    return math.log(probability) - math.log1p(-probability)
