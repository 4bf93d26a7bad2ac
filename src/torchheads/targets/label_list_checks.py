"""What label lists refuse: other layouts, labels that there are not, and what is no list of whole numbers.

n examples, l labels in all.
"""

from collections.abc import Iterable
from numbers import Integral

import torch
from torch import Tensor

from torchheads.errors import DataError, TargetError

LISTS = "LabelLists.from_lists([[0, 2], [], [1]], num_classes=3)"
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
SMALLEST, LARGEST = torch.iinfo(torch.int64).min, torch.iinfo(torch.int64).max


def whole_numbers(labels: Iterable[int], place: int) -> list[int]:
    """The labels of one example as ints, those of numpy too; code M14."""
    plain = labels.tolist() if isinstance(labels, Tensor) else labels
    if isinstance(plain, Iterable) and not isinstance(plain, str):
        plain = list(plain)
        if all(isinstance(label, Integral) and not isinstance(label, bool) for label in plain):
            return [min(max(int(label), SMALLEST), LARGEST) for label in plain]  # check_range refuses both ends
    problem = f"sample {place} holds {plain!r:.60}; allowed a list of whole numbers, perhaps empty"
    raise DataError("M14", problem, LISTS)


def check_layout(indices: Tensor, offsets: Tensor, num_classes: int) -> None:
    """Refuse what is not one tensor of integers, its rising offsets and a number of classes; code M06."""
    if isinstance(num_classes, bool) or not isinstance(num_classes, Integral) or num_classes < 0:
        problem = f"LabelLists got num_classes={num_classes!r:.60}; allowed a whole number"
        raise TargetError("M06", problem, "num_classes=head.num_classes")
    if not isinstance(indices, Tensor) or not isinstance(offsets, Tensor):
        problem = f"LabelLists got a {type(indices).__name__} and a {type(offsets).__name__}; allowed two tensors"
        raise TargetError("M06", problem, "LabelLists.from_lists(lists, num_classes)")
    integers = all(part.ndim == 1 and part.dtype in INTEGERS for part in (indices, offsets))
    if (
        integers
        and len(offsets)
        and offsets[0] == 0
        and offsets[-1] == len(indices)
        and bool((offsets.diff() >= 0).all())
    ):
        return
    problem = (
        f"LabelLists got indices of shape {tuple(indices.shape)} ({indices.dtype}) and offsets of shape "
        f"{tuple(offsets.shape)} ({offsets.dtype}); allowed integers, offsets rising from 0 to the number of indices"
    )
    raise TargetError("M06", problem, "LabelLists.from_lists(lists, num_classes)")


def check_range(indices: Tensor, offsets: Tensor, num_classes: int) -> None:
    """Refuse labels outside 0..C-1; codes T01, T02."""
    bad = ((indices < 0) | (indices >= num_classes)).nonzero().flatten()
    if len(bad) == 0:
        return
    label = int(indices[bad[0]])
    sample = int((offsets <= bad[0]).sum()) - 1
    problem = f"LabelLists got label {label} at sample {sample}; allowed 0..{num_classes - 1}"
    remedy = f"num_classes={label + 1}, or labels - 1 if yours start at 1" if label >= 0 else "leave the label out"
    raise TargetError("T01" if label >= 0 else "T02", f"{problem} (num_classes={num_classes})", remedy)


def check_stored(target: Tensor) -> None:
    """Refuse values of a ``torch.sparse_csr`` tensor other than 0 and 1; code M03."""
    values = target.values()
    odd = ((values != 0) & (values != 1)).nonzero().flatten()
    if len(odd) == 0:
        return
    sample = int((target.crow_indices() <= odd[0]).sum()) - 1
    problem = f"a sparse target holds {values[odd[0]].item():g} at sample {sample}; allowed 0 and 1"
    raise TargetError("M03", problem, "the dense target, with ignore_index or a mask for what is not known")
