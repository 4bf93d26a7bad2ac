"""What every target form shares: its layout, its checks, and the rows it hands to a criterion.

n examples, c classes, m = n x spatial positions (rows). A row is *known* where it is neither ignored nor masked.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from torchheads.errors import DataError, TargetError
from torchheads.targets.label_lists import LabelLists
from torchheads.targets.mixed_target import MixedTarget

LabelType = Literal["single", "multi"]
PlainTarget = Tensor | LabelLists
Target = Tensor | LabelLists | MixedTarget
FULL_PRECISION = frozenset({torch.float32, torch.float64})


class TargetRows(NamedTuple):
    """A target as rows: class indices (m,) int64 or a multi-hot or distribution (m, c), and which of it is known.

    ``known`` has the shape of ``values``; None stands for "everything". Unknown entries of ``values`` are 0.
    """

    values: Tensor
    known: Bool[Tensor, "..."] | None

    @property
    def known_rows(self) -> Bool[Tensor, "m"] | None:
        """Which rows have anything known in them, shape (m,); None for all of them."""
        return self.known if self.known is None or self.known.ndim == 1 else self.known.any(dim=1)

    @property
    def num_known(self) -> int | Tensor:
        """How many rows have anything known in them: what a mean over examples divides by."""
        known = self.known_rows
        return self.values.shape[0] if known is None else known.sum()


class TargetForm(ABC):
    """How the target of one label type is laid out, checked and turned into rows.

    Args:
        num_classes: number of classes C.
        ignore_index: value that marks an unknown position (single) or entry (multi); None where there is none.
        owner: name of the head, for messages.
    """

    label_type: ClassVar[LabelType]
    hard: ClassVar[bool] = False  # whether what `check_values` lets through is one class or a set of classes
    class_names: Sequence[str] = ()  # for messages; a head that knows them sets them

    def __init__(self, num_classes: int, ignore_index: int | None, owner: str) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.owner = owner

    @abstractmethod
    def check_form(self, target: PlainTarget, logits: Tensor) -> None:
        """Refuse a target of the wrong shape or dtype for logits of shape (N, C, *spatial); reads no values."""

    @abstractmethod
    def check_values(self, target: Tensor, mask: Tensor | None = None) -> None:
        """Refuse values outside the allowed range where the mask is True; reads the tensor: it waits for a device."""

    @abstractmethod
    def rows(self, target: Tensor, mask: Tensor | None) -> TargetRows:
        """The checked target of shape (N, *spatial) or (N, C, *spatial) as rows (m,) or (m, c)."""

    def is_usual(self, target: Tensor, logits: Tensor) -> bool:
        """Whether target and logits have the form's most frequent shape and dtype, in which they are rows already.

        A shortcut for the step of most runs; what it says no to takes the long way, with the same result.
        """
        return False

    def plausible(self, target: Tensor) -> bool:
        """A quick look: True where every value is in range, False where `check_values` must look closer."""
        return False

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
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != shape:
            problem = f"{self.owner} got a mask {describe(mask)}; allowed bool of shape {tuple(shape)}"
            raise TargetError("M06", problem, "mask=target != -1")
        return mask if not_ignored is None else not_ignored & mask

    def check_device(self, target: PlainTarget, logits: Tensor) -> None:
        """Refuse a target on another device than the logits; code T15."""
        if target.device != logits.device:
            problem = f"{self.owner} got a target on {target.device} for logits on {logits.device}; allowed one device"
            raise TargetError("T15", problem, "target.to(logits.device)")

    def class_label(self, label: int) -> str:
        """A class in a message: its number, and its name where it has one."""
        name = self.class_names[label] if 0 <= label < len(self.class_names) else str(label)
        return str(label) if name == str(label) else f"{label} ({name!r})"

    @property
    def allowed(self) -> str:
        """The class indices there are, in a message, with the names of the first and the last where they have any."""
        first, last = self.class_label(0), self.class_label(self.num_classes - 1)
        numbers = f"0..{self.num_classes - 1}"
        return numbers if last.isdigit() else f"{numbers}, {first} to {last}"


def plain_target(target: object, owner: str) -> PlainTarget:
    """A target as a dense tensor or label lists; sparse multi-hots become lists.

    Raises:
        TargetError: code M16, for a pair of targets where one is needed.
        DataError: code M14, for lists of Python, arrays of numpy, ragged tensors and anything else.
    """
    if isinstance(target, LabelLists):
        return target
    if isinstance(target, MixedTarget):
        problem = f"{owner} got a MixedTarget, which is for training; allowed a plain target"
        raise TargetError("M16", problem, "target.first, or the labels of the unmixed examples")
    if isinstance(target, Tensor) and not target.is_nested:
        return target if target.layout is torch.strided else _from_sparse(target, owner)
    raise DataError("M14", f"{owner} got {what(target)} as target; allowed a tensor or LabelLists", _remedy(target))


def _from_sparse(target: Tensor, owner: str) -> LabelLists:
    """A sparse multi-hot as lists; code M06 for a sparse tensor of another shape, codes M03 to M05 for its values."""
    if target.ndim != 2 or target.is_complex():
        problem = f"{owner} got a sparse target {describe(target)}; allowed a sparse multi-hot of shape (N, C)"
        raise TargetError("M06", problem, "target.to_dense()")
    return LabelLists.from_sparse_csr(target.to_sparse_csr())


def _remedy(target: object) -> str:
    """How to make a target of what came instead of one."""
    if isinstance(target, Tensor):
        return "LabelLists.from_lists(target.unbind(), num_classes)"
    if isinstance(target, list | tuple):
        ragged = any(isinstance(row, list | tuple | set) for row in target)
        return "LabelLists.from_lists(target, num_classes)" if ragged else "torch.tensor(target)"
    return "torch.as_tensor(target)" if hasattr(target, "__array__") else "a tensor, or LabelLists.from_lists(...)"


def densified(target: PlainTarget, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Lists as their multi-hot (N, C), with a mask of whole examples (N,) spread over the classes; tensors as they are.

    Example:
        >>> densified(LabelLists.from_lists([[1], []], num_classes=2), None)[0].int().tolist()
        [[0, 1], [0, 0]]
    """
    if isinstance(target, Tensor):
        return target, mask
    if isinstance(mask, Tensor) and mask.shape == target.shape[:1]:
        mask = mask.unsqueeze(1).expand(target.shape)
    return target.multi_hot(), mask


def widen(target: Tensor) -> Tensor:
    """Integers as int64, so that a number outside their range (-1, 300) is not wrapped into it; the rest as it is.

    Floating point of one byte, which hardly any operation takes, becomes float32.
    """
    if target.is_floating_point():
        return target.float() if target.dtype.itemsize == 1 else target
    return target.long()


def what(thing: object) -> str:
    """Something that is no plain tensor, in a few words.

    Example:
        >>> what([0, 2, 1])
        'the list [0, 2, 1]'
    """
    if isinstance(thing, Tensor):
        return "a nested tensor"
    shown = " ".join(repr(thing).split())
    return f"the {type(thing).__name__} {shown if len(shown) <= 60 else shown[:57] + '...'}"


def describe(tensor: Tensor) -> str:
    """Shape and dtype in a few words.

    Example:
        >>> describe(torch.zeros(2, 3))
        'of shape (2, 3) and dtype float32'
    """
    if not isinstance(tensor, Tensor):
        return f"that is {what(tensor)}"
    return f"of shape {tuple(tensor.shape)} and dtype {str(tensor.dtype).removeprefix('torch.')}"


def position(place: Tensor) -> str:
    """The first index as the sample, the rest as they are."""
    return f"sample {int(place[0])}"
