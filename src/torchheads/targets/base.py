"""What every target form shares: its layout, its checks, and the rows it hands to a criterion.

n examples, c classes, m = n x spatial positions (rows). A row is *known* where it is neither ignored nor masked.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from torchheads.errors import TargetError

LabelType = Literal["single", "multi"]


class TargetRows(NamedTuple):
    """A target as rows: class indices (m,) int64 or a multi-hot or distribution (m, c), and which of it is known.

    ``known`` has the shape of ``values``; None stands for "everything". Unknown entries of ``values`` are 0.
    """

    values: Tensor
    known: Bool[Tensor, "..."] | None

    @property
    def num_known(self) -> int | Tensor:
        """How many rows have anything known in them: what a mean over examples divides by."""
        if self.known is None:
            return self.values.shape[0]
        return (self.known if self.known.ndim == 1 else self.known.any(dim=1)).sum()


class TargetForm(ABC):
    """How the target of one label type is laid out, checked and turned into rows.

    Args:
        num_classes: number of classes C.
        ignore_index: value that marks an unknown position (single) or entry (multi); None where there is none.
        owner: name of the head, for messages.
    """

    label_type: ClassVar[LabelType]

    def __init__(self, num_classes: int, ignore_index: int | None, owner: str) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.owner = owner

    @abstractmethod
    def check_form(self, target: Tensor, logits: Tensor) -> None:
        """Refuse a target of the wrong shape or dtype for logits of shape (N, C, *spatial); reads no values."""

    @abstractmethod
    def check_values(self, target: Tensor, mask: Tensor | None = None) -> None:
        """Refuse values outside the allowed range where the mask is True; reads the tensor: it waits for a device."""

    @abstractmethod
    def rows(self, target: Tensor, mask: Tensor | None) -> TargetRows:
        """The checked target of shape (N, *spatial) or (N, C, *spatial) as rows (m,) or (m, c)."""

    @abstractmethod
    def multi_hot(self, values: Tensor, dtype: torch.dtype) -> Shaped[Tensor, "m c"]:
        """Row values (m,) or (m, c) as a multi-hot of shape (m, c), as a binary criterion wants it."""

    @abstractmethod
    def distribution(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        """Row values as the distribution a cross-entropy wants: (m,) int64 for one class, else (m, c) summing to 1."""

    def known(self, target: Tensor, mask: Tensor | None) -> Tensor | None:
        """Which entries of the target count, in the shape of the target; None for all of them.

        Raises:
            TargetError: code M06, when the mask is not boolean of the target's shape.
        """
        not_ignored = None if self.ignore_index is None else widen(target) != self.ignore_index
        return self.both(not_ignored, mask, target.shape)

    def both(self, not_ignored: Tensor | None, mask: Tensor | None, shape: torch.Size) -> Tensor | None:
        """What is neither ignored nor masked, each of the shape given; None for everything.

        Raises:
            TargetError: code M06, when the mask is not boolean of that shape.
        """
        if mask is None:
            return not_ignored
        if mask.dtype != torch.bool or mask.shape != shape:
            problem = f"{self.owner} got a mask {describe(mask)}; allowed bool of shape {tuple(shape)}"
            raise TargetError("M06", problem, "mask=target != -1")
        return mask if not_ignored is None else not_ignored & mask


def widen(target: Tensor) -> Tensor:
    """Integers as int64, so that a number outside their range (-1, 300) is not wrapped into it; the rest as it is."""
    return target if target.is_floating_point() else target.long()


def describe(tensor: Tensor) -> str:
    """Shape and dtype in a few words.

    Example:
        >>> describe(torch.zeros(2, 3))
        'of shape (2, 3) and dtype float32'
    """
    return f"of shape {tuple(tensor.shape)} and dtype {str(tensor.dtype).removeprefix('torch.')}"


def position(place: Tensor) -> str:
    """The first index as the sample, the rest as they are."""
    return f"sample {int(place[0])}"
