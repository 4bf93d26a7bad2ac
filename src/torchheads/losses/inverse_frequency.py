"""Weights by the inverse of the class frequency: what ``weights=auto`` chooses.

c classes.
"""

import math

from jaxtyping import Float
from torch import Tensor

from torchheads.losses.base import check_number
from torchheads.losses.functional_frequency import inverse_frequency, negatives_per_positive
from torchheads.losses.weighting import Weighting


class InverseFrequency(Weighting):
    """N / (K n_c) for each of the K classes of a softmax that occur, (N - n_c) / n_c for the positives of a sigmoid.

    All classes then weigh the same in a softmax's loss, and both answers in each question of a sigmoid's. Its sibling
    `ClassBalanced` is milder. A class without training examples, or (sigmoid) without negatives, gets the weight 1.

    Args:
        max_ratio: >= 1; no class weighs more than this times another, and no positive more than this times a negative
            or less than its inverse.

    Raises:
        HeadConfigError: code H38.

    Example:
        >>> import torch
        >>> InverseFrequency().class_weight(torch.tensor([6.0, 2.0]))
        tensor([0.6667, 2.0000])

    Source: see `torchheads.losses.functional_frequency.inverse_frequency` and ``negatives_per_positive``.
    """

    def __init__(self, max_ratio: float = 100.0) -> None:
        self.max_ratio = check_number("InverseFrequency", "max_ratio", max_ratio, 1, math.inf, 100.0)

    def class_weight(self, counts: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """Mean 1 over the training examples, shape (c,)."""
        return inverse_frequency(counts, self.max_ratio)

    def pos_weight(self, counts: Float[Tensor, "c"], total: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """Negatives for each positive, shape (c,)."""
        return negatives_per_positive(counts, total, self.max_ratio)
