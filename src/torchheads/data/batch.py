"""What the loaders hand out and what a data set keeps in memory.

b examples of a batch, n examples of a split, d features.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from torchheads.targets import each


class Batch(NamedTuple):
    """One batch: input (b, ...), target (b,) class indices or (b, c) multi-hot, row ids (b,), and what is known.

    ``mask`` has the shape of ``target`` and is False where it is unknown; None stands for "all known". Data of several
    tasks have dicts of targets, and of masks, by task.
    """

    input: Tensor
    target: Any
    index: Int64[Tensor, "b"]  # type: ignore[assignment]  # hides tuple.index, which a batch has no use for
    mask: Any = None

    def features(self, backbone: Callable[[Tensor], Tensor]) -> Tensor:
        """What the backbone makes of the input, shape (B, D)."""
        return backbone(self.input)

    def to(self, device: torch.device | str) -> "Batch":
        """The batch with everything in it on a device."""
        waits = torch.device(device).type in ("cpu", "mps")  # whoever reads a copy there would not wait for it
        return type(self)(*(each(lambda value: value.to(device, non_blocking=not waits), values) for values in self))

    def first(self, count: int) -> "Batch":
        """The first examples of the batch.

        Example:
            >>> Batch(torch.zeros(2, 3), {"species": torch.tensor([4, 5])}, torch.tensor([0, 1])).first(1).target
            {'species': tensor([4])}
        """
        return type(self)(*(rows_of(values, slice(count)) for values in self))


class FeatureBatch(Batch):
    """A batch whose input was through the frozen backbone before, once for the whole run."""

    __slots__ = ()

    def features(self, backbone: Callable[[Tensor], Tensor]) -> Tensor:
        """The input itself, shape (B, D)."""
        return self.input


class Split(NamedTuple):
    """All examples of a split: raw inputs (n, ...), targets, also by task, and which of their entries are known.

    The inputs are images (n, channels, height, width), features (n, d), or pictures that are still in their files.
    """

    input: Any
    target: Any
    mask: Any = None


def rows_of(values: Any, rows: slice | Tensor) -> Any:
    """Some rows of a tensor, of label lists, or of each of a dict of them; None stays None.

    Example:
        >>> import torch
        >>> rows_of({"species": torch.tensor([4, 5, 6])}, torch.tensor([2, 0]))
        {'species': tensor([6, 4])}
    """
    return each(lambda value: value[rows], values)
