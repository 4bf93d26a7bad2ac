"""Fully connected layers over the flattened input.

n examples, d features.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from jaxtyping import Float
from torch import Tensor, nn

from torchheads.backbones.base import Backbone, positive_sizes
from torchheads.errors import HeadConfigError


class Mlp(Backbone):
    """Linear layer, ReLU and dropout, once per hidden width.

    Use it for small inputs without a grid worth keeping; on images `Cnn` is the better choice.

    Args:
        input_shape: shape of one example; it is flattened.
        hidden: widths of the hidden layers, each > 0; the last is ``out_features``.
        dropout: chance in [0, 1) that a hidden unit is set to zero while training.
        freeze: which layers do not train, see `Backbone.freeze`; one stage a hidden layer.

    Raises:
        HeadConfigError: code H18, when ``hidden`` is not made of positive whole numbers or ``dropout`` is out of range;
            code H30 for ``freeze``.

    Example:
        >>> import torch
        >>> Mlp((1, 8, 8), hidden=(32, 16))(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 16])
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        hidden: Sequence[int] = (256, 256),
        dropout: float = 0.0,
        freeze: bool | int | str | None = None,
    ) -> None:
        super().__init__(input_shape)
        sizes = (prod(self.input_shape), *positive_sizes("hidden", hidden))
        if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
            problem = f"backbone.dropout={dropout!r}; allowed a number from 0 and below 1"
            raise HeadConfigError("H18", problem, "backbone.dropout=0.1")
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.out_features = sizes[-1]
        self.freeze(freeze)

    def forward(self, input: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Features of shape (N, D) of inputs of shape (N, *input_shape)."""
        features: Tensor = self.layers(input)
        return features
