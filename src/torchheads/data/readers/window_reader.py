"""Small images: the whole split lies in one buffer of which every shifted or mirrored copy is a window.

b rows of a batch, n rows of the split, ch channels, h height, w width.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from torchheads.data.augmentation import Augmentation
from torchheads.data.functional.windows import read_windows
from torchheads.data.readers.base import Reader


class WindowReader(Reader):
    """Reads augmented images by one offset each; `RowReader` needs no second copy of the split, and is slower.

    Args:
        images: shape (N, channels, height, width), any dtype, on the device where the work is done.
        augment: what is done to each image.
        seed: seed of the augmentation.
    """

    def __init__(self, images: Shaped[Tensor, "n ch h w"], augment: Augmentation, seed: int) -> None:
        self._windows = augment.windows(images)
        self._rows = len(images)
        self._augment = augment
        self._seed = seed

    def batches(self, runs: Sequence[Int64[Tensor, "b"]], epoch: int) -> Iterator[Shaped[Tensor, "b ch h w"]]:
        """As `Reader`; where each window starts is worked out for the whole epoch at once."""
        if not runs:
            return
        keys = torch.cat(list(runs))
        places = self._augment.places(self._windows, keys % self._rows, keys, seed=self._seed, epoch=epoch)
        for run in torch.split(places, [len(run) for run in runs]):
            yield read_windows(self._windows, run)
