"""What every backbone promises: inputs of one known shape in, one row of features per example out.

n examples, d features.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from torchheads.errors import HeadConfigError


class Backbone(nn.Module, ABC):
    """Base of all backbones; derive from it to bring your own.

    A subclass builds its layers, sets ``out_features`` and writes ``forward``; nothing else is asked of it.

    Args:
        input_shape: shape of one example, without the batch axis, such as ``(channels, height, width)``.

    Attributes:
        input_shape: the shape given, as a tuple of ints.
        out_features: width d of the rows that ``forward`` returns; set by the subclass.

    Raises:
        HeadConfigError: code H18, when ``input_shape`` is not made of positive whole numbers.

    Example:
        >>> from torchheads.backbones import IdentityBackbone
        >>> IdentityBackbone((1, 8, 8)).out_features
        64
    """

    out_features: int

    def __init__(self, input_shape: Sequence[int]) -> None:
        super().__init__()
        self.input_shape = positive_sizes("input_shape", input_shape)

    @abstractmethod
    def forward(self, input: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Features of a batch.

        Args:
            input: shape (N, *input_shape), floating point.

        Returns:
            Features of shape (N, out_features).
        """

    def extra_repr(self) -> str:
        """Shapes in and out, for ``print(backbone)``."""
        return f"input_shape={self.input_shape}, out_features={self.out_features}"


def positive_sizes(name: str, sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes as a tuple of positive ints, from whatever sequence a config file gave.

    Raises:
        HeadConfigError: code H18, naming the option and the sizes that came.
    """
    if isinstance(sizes, str) or not all(type(size) is int and size > 0 for size in sizes):
        raise HeadConfigError("H18", f"{name}={sizes!r}; allowed positive whole numbers", f"{name}=[1,8,8]")
    return tuple(sizes)


def image_shape(owner: str, input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels, height and width of a backbone that reads images.

    Raises:
        HeadConfigError: code H18, when the examples are not images.
    """
    if len(input_shape) != 3:
        problem = f"{owner} got examples of shape {input_shape}; allowed (channels, height, width)"
        raise HeadConfigError("H18", problem, "backbone=mlp")
    channels, height, width = input_shape
    return channels, height, width
