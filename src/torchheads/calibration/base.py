"""What a head asks of its calibrator: logits in, better calibrated logits out.

m rows (examples or positions), c classes.
"""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class Calibrator(nn.Module, ABC):
    """A map of logits, fitted on held-out data, that makes probabilities honest; shape (m, c) in and out."""

    @property
    def fitted(self) -> bool:
        """Whether the map may be used; True for one that has nothing to fit."""
        return True

    def bind(self, num_classes: int) -> None:
        """Learn the number of classes; called once by the head that takes the calibrator."""

    @abstractmethod
    def forward(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Calibrated logits, shape (m, c)."""
