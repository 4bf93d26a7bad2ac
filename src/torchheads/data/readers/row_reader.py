"""Inputs in memory: rows are gathered batch by batch, and images augmented then.

b rows of a batch, n rows of the split.
"""

from collections.abc import Iterator, Sequence

from jaxtyping import Int64, Shaped
from torch import Tensor

from torchheads.data.augmentation import Augmentation
from torchheads.data.readers.base import Reader


class RowReader(Reader):
    """Reads features, or images of a split that is too large to be copied; gives the same pixels as `WindowReader`.

    Args:
        inputs: shape (N, ...), any dtype, on the device where the work is done.
        augment: what is done to each image; None for nothing, which inputs that are no images need.
        seed: seed of the augmentation.
    """

    def __init__(self, inputs: Shaped[Tensor, "n ..."], augment: Augmentation | None = None, seed: int = 0) -> None:
        self._inputs = inputs
        self._augment = augment
        self._seed = seed

    def batches(self, runs: Sequence[Int64[Tensor, "b"]], epoch: int) -> Iterator[Shaped[Tensor, "b ..."]]:
        """As `Reader`."""
        for run in runs:
            inputs = self._inputs.index_select(0, run % len(self._inputs))  # of small integers 15 x as fast as [...]
            yield inputs if self._augment is None else self._augment(inputs, run, seed=self._seed, epoch=epoch)
