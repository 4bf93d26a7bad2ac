"""What every backbone promises: inputs of one known shape in, one row of features per example out.

n examples, d features.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.backbones.freezing import Freezing, read_freeze
from torchheads.backbones.stages import find_stages
from torchheads.errors import HeadConfigError
from torchheads.images import ImageFormat


class Backbone(nn.Module, ABC):
    """Base of all backbones; derive from it to bring your own.

    A subclass builds its layers, sets ``out_features`` and writes ``forward``; nothing else is asked of it. If it takes
    an option ``freeze``, it hands it to `freeze` once its layers stand.

    Args:
        input_shape: shape of one example, without the batch axis, such as ``(channels, height, width)``.

    Attributes:
        input_shape: the shape given, as a tuple of ints.
        out_features: width d of the rows that ``forward`` returns; set by the subclass.
        freezing: which stages do not train, and until when.

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
        self.freezing = Freezing()
        self._held = False

    @classmethod
    def expects(cls, **options: Any) -> ImageFormat:
        """The images that a backbone of these options was trained on; nothing is built, read or downloaded.

        Args:
            options: those of the constructor.

        Returns:
            A format that leaves everything open, unless the subclass knows better.
        """
        return ImageFormat()

    @abstractmethod
    def forward(self, input: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Features of a batch.

        Args:
            input: shape (N, *input_shape), floating point.

        Returns:
            Features of shape (N, out_features).
        """

    def stages(self) -> list[nn.Module]:
        """The parts of the backbone from input to output, which together hold its parameters; see `find_stages`."""
        return find_stages(self)

    def freeze(self, freeze: bool | int | str | None) -> None:
        """Keep stages as they are: no gradient, no moving statistics of batch norm, no dropout.

        The gradient ends where the frozen stages end, so their backward pass and its memory are saved. What is frozen
        until an epoch counts as trainable before `begin_epoch`, so that optimizers and DDP know it.

        Args:
            freeze: None or False (nothing), True (everything), a number of stages from the input, or
                ``"until_epoch:k"`` (everything in the epochs 0 to k - 1).

        Raises:
            HeadConfigError: code H30, for anything else.
        """
        stages = self.stages()
        freezing = read_freeze(freeze, len(stages), type(self).__name__)
        self._hold(False)
        inside = {id(weight) for stage in stages[: freezing.stages] for weight in stage.parameters()}
        named = self.named_parameters()
        names = tuple(name for name, weight in named if id(weight) in inside and weight.requires_grad)
        self.freezing = freezing._replace(names=names)
        self._hold(freezing.until is None and freezing.stages > 0)

    def begin_epoch(self, epoch: int) -> None:
        """Freeze or release what is frozen until an epoch; call it before each epoch of training, a resumed one too.

        Under DDP such a backbone needs ``find_unused_parameters=True``, see `check_distributed`.

        Args:
            epoch: counted from 0.
        """
        if self.freezing.until is not None:
            self._hold(self.freezing.holds(epoch))

    def trainable_later(self) -> list[nn.Parameter]:
        """Parameters that are frozen until an epoch, for an optimizer to know although they may not train now."""
        return [self.get_parameter(name) for name in self.freezing.names] if self.freezing.until is not None else []

    def train(self, mode: bool = True) -> Self:
        """Training mode for all but the frozen stages, which stay in evaluation mode."""
        super().train(mode)
        if self._held:
            self._set_mode(False)
        return self

    def _hold(self, held: bool) -> None:
        """Freeze the stages in question, or release them."""
        if held != self._held:
            self._held = held
            for name in self.freezing.names:
                self.get_parameter(name).requires_grad_(not held)
            self._set_mode(self.training and not held)

    def _set_mode(self, mode: bool) -> None:
        """Training or evaluation mode of the stages in question."""
        for stage in self.stages()[: self.freezing.stages]:
            stage.train(mode)

    def extra_repr(self) -> str:
        """Shapes in and out, for ``print(backbone)``."""
        frozen = f", frozen_stages={self.freezing.stages}" if self._held else ""
        return f"input_shape={self.input_shape}, out_features={self.out_features}{frozen}"


@torch.no_grad()
def dry_run(backbone: Backbone) -> tuple[int, ...]:
    """Shape of the features of one image of zeros, found before any training."""
    backbone.eval()  # a training pass would move the running statistics of batch norm
    shape = tuple(backbone(torch.zeros(1, *backbone.input_shape)).shape)
    backbone.train()
    return shape


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
