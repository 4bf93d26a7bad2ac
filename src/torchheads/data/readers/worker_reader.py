"""Pictures that do not fit in memory: worker processes decode each batch anew, some batches ahead.

b rows of a batch, ch channels, h height, w width.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from torchheads.data.augmentation import Augmentation
from torchheads.data.readers.base import Reader
from torchheads.errors import DataError
from torchheads.images import ImageFormat, Pictures, read_image


class WorkerReader(Reader):
    """Reads pictures from files by worker processes; gives the same pixels as `RowReader`, however many workers.

    The workers draw no random numbers: a picture's augmentation is a function of (seed, epoch, row).

    Args:
        pictures: the split.
        format: complete, as `find_format` gives it.
        augment: what is done to each image.
        seed: seed of the augmentation.
        workers: number of processes; 0 decodes in this one.
        device: where the augmentation is done.
    """

    def __init__(
        self,
        pictures: Pictures,
        format: ImageFormat,
        augment: Augmentation,
        seed: int,
        workers: int,
        device: torch.device,
    ) -> None:
        self._dataset = DecodedPictures(pictures, format)
        self._augment = augment
        self._seed = seed
        self._workers = workers
        self._device = device

    def batches(self, runs: Sequence[Int64[Tensor, "b"]], epoch: int) -> Iterator[UInt8[Tensor, "b ch h w"]]:
        """As `Reader`.

        Raises:
            DataError: the one of `read_image`, with file and row; code D45, when a worker process dies.
        """
        loader = DataLoader(
            self._dataset,
            batch_sampler=[(run % len(self._dataset.pictures)).tolist() for run in runs],
            num_workers=self._workers,
            collate_fn=collate,
            pin_memory=self._device.type == "cuda",
            generator=torch.Generator(),  # its own, so that the global one is as if nothing had been read
        )
        batches = iter(loader)
        for run in runs:
            images = self._next(batches).to(self._device, non_blocking=True)
            yield self._augment(images, run, seed=self._seed, epoch=epoch)

    def _next(self, batches: Iterator[Tensor | DataError]) -> Tensor:
        try:
            batch = next(batches)
        except RuntimeError as error:  # torch's text for a worker that was killed
            problem = f"a worker process that decodes pictures died ({str(error).splitlines()[0]})"
            remedy = f"data.workers={max(0, self._workers // 2)}, or more memory: each worker holds batches of its own"
            raise DataError("D45", problem, remedy) from error
        if isinstance(batch, DataError):
            raise batch
        return batch


class DecodedPictures(Dataset[Tensor | DataError]):
    """The pictures of a split, decoded one by one; a bad one is its error, which travels better than a traceback."""

    def __init__(self, pictures: Pictures, format: ImageFormat) -> None:
        self.pictures = pictures
        self.format = format

    def __getitem__(self, row: int) -> Tensor | DataError:
        """The picture of a row, shape (channels, height, width), uint8; or what is wrong with it."""
        try:
            return read_image(self.pictures, row, self.format)
        except DataError as error:
            return error


def collate(images: list[Tensor | DataError]) -> Tensor | DataError:
    """One batch, or the first error in it."""
    bad = [image for image in images if isinstance(image, DataError)]
    return bad[0] if bad else torch.stack([image for image in images if isinstance(image, Tensor)])
