"""What the loaders hand out and what a data set keeps in memory.

b examples of a batch, n examples of a split.
"""

from typing import NamedTuple

from jaxtyping import Int64
from torch import Tensor


class Batch(NamedTuple):
    """One batch: input (b, ...), target (b,) class indices or (b, c) multi-hot, row ids (b,), and what is known.

    ``mask`` has the shape of ``target`` and is False where it is unknown; None stands for "all known".
    """

    input: Tensor
    target: Tensor
    index: Int64[Tensor, "b"]  # type: ignore[assignment]  # hides tuple.index, which a batch has no use for
    mask: Tensor | None = None


class Split(NamedTuple):
    """All examples of a split in memory: raw images (n, channels, height, width) and targets of either label type."""

    input: Tensor
    target: Tensor
