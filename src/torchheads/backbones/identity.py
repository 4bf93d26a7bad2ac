"""The backbone that is not there: inputs that already are features go to the head as they are.

n examples, d features.
"""

from collections.abc import Sequence
from math import prod

from jaxtyping import Float
from torch import Tensor

from torchheads.backbones.base import Backbone


class IdentityBackbone(Backbone):
    """Flattens each example; has no parameters.

    Use it for features computed elsewhere, or for a linear model on raw inputs; `Mlp` adds hidden layers to it.

    Args:
        input_shape: shape of one example; ``out_features`` is the product of its sizes.

    Example:
        >>> import torch
        >>> IdentityBackbone((2, 3))(torch.zeros(5, 2, 3)).shape
        torch.Size([5, 6])
    """

    def __init__(self, input_shape: Sequence[int]) -> None:
        super().__init__(input_shape)
        self.out_features = prod(self.input_shape)

    def forward(self, input: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Inputs of shape (N, *input_shape) as rows of shape (N, D)."""
        return input.flatten(1)
