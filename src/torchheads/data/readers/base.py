"""What every reader promises: the raw inputs of runs of keys, the same pixels whatever ran before.

b rows of a batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from jaxtyping import Int64, Shaped
from torch import Tensor


class Reader(ABC):
    """Hands out the raw inputs of a split, batch by batch; augmented, where it was built to."""

    @abstractmethod
    def batches(self, runs: Sequence[Int64[Tensor, "b"]], epoch: int) -> Iterator[Shaped[Tensor, "b ..."]]:
        """The inputs of each run of keys, in their order, as soon as they are asked for.

        Args:
            runs: keys of each batch, shape (B,), int64, on the reader's device: a row of the N, plus a multiple of N
                for each time that the row came before in the epoch.
            epoch: with the key what decides the augmentation.

        Yields:
            Inputs of shape (B, *input_shape), raw: bytes of images, or features.
        """
