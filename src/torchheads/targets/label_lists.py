"""Label sets as lists: what a multi-label target is when a row of C columns would be almost all zeros.

n examples, c classes, l labels in all.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from numbers import Integral
from typing import final

import torch
from jaxtyping import Int64
from torch import Tensor

from torchheads.errors import DataError, TargetError
from torchheads.targets.label_list_checks import LISTS, check_layout, check_range, check_stored, whole_numbers


@final
class LabelLists:
    """The labels of each example one after the other: example i holds ``indices[offsets[i]:offsets[i + 1]]``.

    Use it where classes are many: a target of 1,024 examples with ten labels each out of a million classes takes 88 KiB
    instead of 1 GiB. A multi-hot tensor is the simpler choice below a few thousand classes. Within an example labels
    are kept in ascending order and once each, however often they came.

    Args:
        indices: labels of all examples, shape (L,), integers in 0..C-1.
        offsets: where each example starts, and the end, shape (N + 1,), integers from 0 to L, never falling.
        num_classes: number of classes C.

    Raises:
        TargetError: codes T01, T02 for a label outside 0..C-1; M06 for a wrong shape, dtype or order of offsets.

    Example:
        >>> target = LabelLists.from_lists([[0, 2], [], [1]], num_classes=3)
        >>> target.multi_hot().int()
        tensor([[1, 0, 1],
                [0, 0, 0],
                [0, 1, 0]], dtype=torch.int32)
        >>> target[1:]
        LabelLists(1 labels of 2 examples, num_classes=3)
    """

    def __init__(self, indices: Tensor, offsets: Tensor, num_classes: int) -> None:
        check_layout(indices, offsets, num_classes)
        check_range(indices, offsets, num_classes)
        self.indices: Int64[Tensor, "l"] = indices.long()
        self.offsets: Int64[Tensor, "n+1"] = offsets.long()
        self.num_classes = num_classes
        self._sort()

    # Where they come from -----------------------------------------------------------------------------------------

    @classmethod
    def from_lists(cls, lists: Iterable[Iterable[int]], num_classes: int) -> "LabelLists":
        """One list of labels an example, as a collate function gets them.

        Raises:
            DataError: code M14, for an example that is no list of whole numbers, with its place.
            TargetError: codes T01, T02, for a label outside 0..C-1.
        """
        if not isinstance(lists, Iterable):
            raise DataError(
                "M14", f"LabelLists.from_lists got {lists!r:.60}; allowed one list of labels an example", LISTS
            )
        rows = [whole_numbers(labels, place) for place, labels in enumerate(lists)]
        indices = torch.tensor([label for row in rows for label in row], dtype=torch.int64)
        offsets = torch.tensor([0, *accumulate(len(row) for row in rows)], dtype=torch.int64)
        return cls(indices, offsets, num_classes)

    @classmethod
    def from_multi_hot(cls, target: Tensor) -> "LabelLists":
        """A multi-hot of shape (N, C): every entry that is not zero is a label.

        Raises:
            TargetError: code M06, for another shape.
        """
        if not isinstance(target, Tensor) or target.ndim != 2:
            shape = tuple(target.shape) if isinstance(target, Tensor) else type(target).__name__
            problem = f"LabelLists.from_multi_hot got {shape}; allowed a tensor of shape (N, C)"
            raise TargetError("M06", problem, "LabelLists.from_lists(lists, num_classes)")
        offsets = torch.zeros(target.shape[0] + 1, dtype=torch.int64, device=target.device)
        offsets[1:] = (target != 0).sum(dim=1).cumsum(dim=0)
        return cls._kept(target.nonzero()[:, 1], offsets, target.shape[1])

    @classmethod
    def from_sparse_csr(cls, target: Tensor) -> "LabelLists":
        """A ``torch.sparse_csr`` multi-hot of shape (N, C); stored zeros are no labels.

        Raises:
            TargetError: code M06, for another layout or shape; M03 for a stored value other than 0 and 1.
        """
        if not isinstance(target, Tensor) or target.layout is not torch.sparse_csr or target.ndim != 2:
            layout = f"{target.layout} of shape {tuple(target.shape)}" if isinstance(target, Tensor) else type(target)
            problem = f"LabelLists.from_sparse_csr got {layout}; allowed torch.sparse_csr of shape (N, C)"
            raise TargetError("M06", problem, "target.to_sparse_csr()")
        held = target.values() != 0
        check_stored(target)
        before = torch.cat([held.new_zeros(1, dtype=torch.int64), held.cumsum(dim=0)])
        return cls(target.col_indices()[held], before[target.crow_indices()], target.shape[1])

    @classmethod
    def cat(cls, parts: Sequence["LabelLists"]) -> "LabelLists":
        """The examples of several targets one after the other.

        Raises:
            TargetError: code M06, for parts of different numbers of classes, or none at all.
        """
        sizes = {part.num_classes for part in parts}
        if len(sizes) != 1:
            problem = f"LabelLists.cat got parts of {sorted(sizes)} classes; allowed the same number in all"
            raise TargetError("M06", problem, "num_classes= the same for each part")
        starts = [0, *accumulate(len(part.indices) for part in parts)]
        moved = [part.offsets[1:] + start for part, start in zip(parts, starts, strict=False)]
        offsets = torch.cat([parts[0].offsets[:1], *moved])
        return cls._kept(torch.cat([part.indices for part in parts]), offsets, sizes.pop())

    # What they hold -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.offsets) - 1

    @property
    def shape(self) -> torch.Size:
        """(N, C), the shape of the multi-hot that these lists stand for."""
        return torch.Size((len(self), self.num_classes))

    @property
    def device(self) -> torch.device:
        """Where the labels are."""
        return self.indices.device

    @property
    def sizes(self) -> Int64[Tensor, "n"]:
        """Number of labels of each example, shape (N,)."""
        return self.offsets.diff()

    @property
    def example(self) -> Int64[Tensor, "l"]:
        """Which example each label belongs to, shape (L,)."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.device), self.sizes)

    def multi_hot(self, dtype: torch.dtype = torch.bool) -> Tensor:
        """The multi-hot of shape (N, C)."""
        return torch.zeros(self.shape, dtype=dtype, device=self.device).index_put(
            (self.example, self.indices), _one(dtype, self.device)
        )

    def tolist(self) -> list[list[int]]:
        """One list of labels an example."""
        bounds, labels = self.offsets.tolist(), self.indices.tolist()
        return [labels[start:end] for start, end in pairwise(bounds)]

    def __getitem__(self, rows: slice | Tensor | Sequence[int]) -> "LabelLists":
        """The examples of a slice, of row numbers (m,), or where a mask (n,) is True.

        Raises:
            TargetError: code M06, for a single number, a row that there is not, or a mask of another length.
        """
        if isinstance(rows, Integral):
            problem = f"LabelLists got the row number {rows}; allowed a slice, row numbers or a mask"
            raise TargetError("M06", problem, f"target[{rows}:{int(rows) + 1}], or target.tolist()[{rows}]")
        try:
            chosen = torch.arange(len(self), device=self.device)[rows]
        except IndexError as error:
            allowed = f"rows 0..{len(self) - 1}, or a mask of {len(self)}"
            problem = f"LabelLists of {len(self)} examples: {error}; allowed {allowed}"
            raise TargetError("M06", problem, "row numbers below len(target)") from error
        sizes = self.sizes[chosen]
        offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        shift = torch.repeat_interleave(self.offsets[chosen] - offsets[:-1], sizes)
        return self._kept(self.indices[torch.arange(len(shift), device=self.device) + shift], offsets, self.num_classes)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "LabelLists":
        """The same labels on another device."""
        indices, offsets = (part.to(device, non_blocking=non_blocking) for part in (self.indices, self.offsets))
        return self._kept(indices, offsets, self.num_classes)

    def pin_memory(self) -> "LabelLists":
        """The same labels in page-locked memory, from which a copy to an accelerator does not wait."""
        return self._kept(self.indices.pin_memory(), self.offsets.pin_memory(), self.num_classes)

    def __repr__(self) -> str:
        """Sizes, not contents."""
        return f"LabelLists({len(self.indices)} labels of {len(self)} examples, num_classes={self.num_classes})"

    # Inside -------------------------------------------------------------------------------------------------------

    @classmethod
    def _kept(cls, indices: Tensor, offsets: Tensor, num_classes: int) -> "LabelLists":
        """Lists that are known to be in order: no check, no sorting, no wait for a device."""
        lists = cls.__new__(cls)
        lists.indices, lists.offsets, lists.num_classes = indices, offsets, num_classes
        return lists

    def _sort(self) -> None:
        """Put the labels of each example in ascending order, once each."""
        entries = self.example * self.num_classes + self.indices
        if bool((entries.diff() > 0).all()):
            return
        entries = torch.unique(entries)  # type: ignore[no-untyped-call]
        sizes = torch.bincount(entries // self.num_classes, minlength=len(self))
        self.indices = entries % self.num_classes
        self.offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])


def _one(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.ones((), dtype=dtype, device=device)
