"""A small convolutional network that trains in seconds on two CPU cores.

n examples, d features, k channels, h height, w width.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.backbones.base import Backbone, image_shape, positive_sizes


def convolution(before: int, after: int) -> list[nn.Module]:
    """A 3x3 convolution that keeps height and width, batch norm, ReLU.

    The convolution has no bias: batch norm would subtract it again.
    """
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


class Cnn(Backbone):
    """Stages of two 3x3 convolutions with batch norm, halved by max pooling in between, averaged over all positions.

    Use it for images from 8x8 to about 64x64; for larger ones see `TorchvisionBackbone`. With the default widths it
    has 0.29 M parameters.

    Args:
        input_shape: ``(channels, height, width)`` of one image; any height and width from 1 up.
        widths: channels of the stages, each > 0; the last is ``out_features``.
        freeze: which stages do not train, see `Backbone.freeze`; one stage a width.

    Raises:
        HeadConfigError: code H18, when the examples are not images or a width is not a positive whole number;
            code H30 for ``freeze``.

    Example:
        >>> import torch
        >>> Cnn((1, 8, 8))(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 128])
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        widths: Sequence[int] = (32, 64, 128),
        freeze: bool | int | str | None = None,
    ) -> None:
        super().__init__(input_shape)
        channels, _, _ = image_shape("Cnn", self.input_shape)
        sizes = (channels, *positive_sizes("widths", widths))
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            if layers:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))  # rounds up, so that a 1x1 map stays 1x1
            layers += [*convolution(before, after), *convolution(after, after)]
        self.layers = nn.Sequential(*layers)
        self.to(memory_format=torch.channels_last)  # a fifth to a quarter off the step on CPU from 16x16 up
        self.out_features = sizes[-1]
        self.freeze(freeze)

    def forward(self, input: Float[Tensor, "n k h w"]) -> Float[Tensor, "n d"]:
        """Features of shape (N, D) of images of shape (N, channels, height, width)."""
        maps: Tensor = self.layers(input)
        return maps.mean((2, 3))

    def stages(self) -> list[nn.Module]:
        """One stage a width: two convolutions, from one pooling to the next."""
        groups: list[nn.ModuleList] = [nn.ModuleList()]
        for layer in self.layers:
            if isinstance(layer, nn.MaxPool2d):
                groups.append(nn.ModuleList())
            groups[-1].append(layer)
        return list(groups)
