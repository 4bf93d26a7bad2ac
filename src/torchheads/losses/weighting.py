"""What turns the class frequencies of training data into the weights of a loss.

c classes.
"""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from torchheads.losses.base import Criterion


class Weighting(ABC):
    """A rule by which the rare weigh more: ``class_weight`` under a softmax, ``pos_weight`` under a sigmoid."""

    @abstractmethod
    def class_weight(self, counts: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """Weights of classes that compete, from their training examples, both of shape (c,)."""

    @abstractmethod
    def pos_weight(self, counts: Float[Tensor, "c"], total: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """Weights of the positive answers, from the training examples that hold each class and all; shape (c,) each."""

    @final
    def weigh(self, criterion: Criterion, counts: Tensor, total: Tensor | int) -> None:
        """Give a criterion, bound to its head, the weights of these counts.

        Args:
            criterion: of a head.
            counts: training examples that hold each class, shape (c,).
            total: training examples of which that is known, one number or shape (c,).

        Raises:
            HeadConfigError: code H36, when the criterion has no such weights, or was given them by hand.
        """
        positive = counts.double()
        known = torch.as_tensor(total, dtype=torch.float64, device=positive.device).expand(positive.shape)
        if criterion.link == "softmax":
            criterion.take_weights("class_weight", self.class_weight(positive))
        else:
            criterion.take_weights("pos_weight", self.pos_weight(positive, known))
