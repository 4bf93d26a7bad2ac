"""How classes are cut into chunks, and which labels of a target lie in each.

n examples, c classes, k classes of one chunk, l labels in all.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from torchheads.errors import TargetError
from torchheads.targets import LabelLists

CHUNK_BYTES = {"cpu": 3 << 20, "cuda": 256 << 20}
"""Room for the logits of one chunk: on a CPU they should stay in its caches, on an accelerator keep it busy."""
SMALLEST_CHUNK = 256
"""Fewer classes at a time would make matrix products slow."""
CACHE_LINE = 16
"""Numbers of four bytes in a cache line."""


def chunk_size(rows: int, num_classes: int, dtype: torch.dtype, device: torch.device) -> int:
    """How many classes to take at a time, so that their logits fit the room there is for them.

    The rule: as many as ``CHUNK_BYTES`` holds logits of, at least ``SMALLEST_CHUNK``; of that many chunks, all of about
    one size; and that size an odd multiple of 16. Rows of logits that begin on a cache line make the products of a
    chunk up to half as fast again, and powers of two crowd into few places of a cache.

    Example:
        >>> chunk_size(512, 100_000, torch.float32, torch.device("cpu"))  # 66 chunks of 3 MiB
        1520

    Source: this package; measured with ``scripts/benchmarks/head_loss.py``.
    """
    room = CHUNK_BYTES.get(device.type, CHUNK_BYTES["cuda"]) // (max(rows, 1) * dtype.itemsize)
    chunks = -(-num_classes // max(room, SMALLEST_CHUNK))
    lines = -(-num_classes // (max(chunks, 1) * CACHE_LINE))
    return CACHE_LINE * (lines | 1)


def chunks_of(num_classes: int, size: int) -> list[slice]:
    """The classes, ``size`` at a time.

    Example:
        >>> chunks_of(5, 2)
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + size, num_classes)) for start in range(0, num_classes, size)]


class LabelsByClass(NamedTuple):
    """Every label of a target once, in the order of classes: example ``rows[i]`` has the label ``labels[i]``.

    ``bounds[j]`` of them lie in front of the j-th chunk.
    """

    rows: Int64[Tensor, "l"]
    labels: Int64[Tensor, "l"]
    bounds: list[int]
    size: int

    def within(self, classes: slice) -> slice:
        """Where the labels of one chunk stand in ``rows`` and ``labels``."""
        chunk = classes.start // self.size
        return slice(self.bounds[chunk], self.bounds[chunk + 1])

    def entries(self, classes: slice) -> tuple[Int64[Tensor, "some"], Int64[Tensor, "some"]]:
        """The labels of one chunk as places in its logits (n, k): which rows, which columns."""
        place = self.within(classes)
        return self.rows[place], self.labels[place] - classes.start


def labels_by_class(target: Int64[Tensor, "n"] | LabelLists, num_classes: int, size: int) -> LabelsByClass:
    """Sort the labels of class indices (n,) or of lists by class; one wait for a device, whatever the chunks.

    Args:
        target: class indices, or lists.
        num_classes: number of classes C.
        size: classes of one chunk.

    Raises:
        TargetError: codes T01, T02 for a class index outside 0..C-1.

    Example:
        >>> labels_by_class(torch.tensor([3, 0, 3]), num_classes=4, size=2)[:3]
        (tensor([1, 0, 2]), tensor([0, 3, 3]), [0, 1, 3])
    """
    labels = target.indices if isinstance(target, LabelLists) else target
    rows = target.example if isinstance(target, LabelLists) else torch.arange(len(target), device=target.device)
    order = labels.argsort(stable=True)
    rows, labels = rows[order], labels[order].contiguous()
    starts = [chunk.start for chunk in chunks_of(num_classes, size)]
    bounds: list[int] = torch.searchsorted(labels, torch.tensor([*starts, num_classes], device=labels.device)).tolist()
    if bounds[0] != 0 or bounds[-1] != len(labels):
        worst = 0 if bounds[0] else len(labels) - 1
        raise _no_such_class(int(labels[worst]), int(rows[worst]), num_classes)
    return LabelsByClass(rows, labels, bounds, size)


def check_labels(labels: Int64[Tensor, "l"], rows: Int64[Tensor, "l"], num_classes: int) -> None:
    """Refuse labels (l,) of rows (l,) that there are not; codes T01, T02."""
    bad = ((labels < 0) | (labels >= num_classes)).nonzero()
    if len(bad):
        raise _no_such_class(int(labels[bad[0]]), int(rows[bad[0]]), num_classes)


def _no_such_class(label: int, row: int, num_classes: int) -> TargetError:
    """The error for a label outside 0..C-1."""
    problem = f"class index {label} in row {row}; allowed 0..{num_classes - 1} (num_classes={num_classes})"
    if label < 0:
        return TargetError("T02", problem, "known=target >= 0 if it marks unknown rows")
    return TargetError("T01", problem, f"a weight of {label + 1} rows, or target - 1 if yours start at 1")


def spread(target: Int64[Tensor, "n"] | LabelLists, rows: Int64[Tensor, "l"], dtype: torch.dtype) -> Float[Tensor, "l"]:
    """The uniform distribution over each example's labels, one share a label, shape (l,); 1 for a class index.

    Example:
        >>> target = LabelLists.from_lists([[0, 2], [1]], num_classes=3)
        >>> spread(target, torch.tensor([0, 1, 0]), torch.float32)
        tensor([0.5000, 1.0000, 0.5000])
    """
    if isinstance(target, LabelLists):
        return target.sizes.to(dtype).reciprocal()[rows]
    return torch.ones(len(rows), dtype=dtype, device=rows.device)
