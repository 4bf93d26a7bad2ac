"""The calibrator that changes nothing."""

from jaxtyping import Float
from torch import Tensor

from torchheads.calibration.base import Calibrator


class Identity(Calibrator):
    """Leave the logits of shape (m, c) as they are: what every head starts with.

    Example:
        >>> import torch
        >>> Identity()(torch.tensor([[1.0, 2.0]]))
        tensor([[1., 2.]])
    """

    def forward(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """The logits themselves, shape (m, c)."""
        return logits
