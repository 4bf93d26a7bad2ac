"""All pictures of a split as one tensor of bytes, read by several threads, with a budget for those that are damaged.

n pictures, m of them sound, ch channels, h height, w width.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor

from torchheads.errors import DataError
from torchheads.images.base import Pictures
from torchheads.images.image_format import ImageFormat
from torchheads.images.reading import check_complete, read_pixels

CHUNK: Final = 32
"""Pictures that a thread reads in one go, and rows that are moved in one go."""
NAMED: Final = 3
"""How many of too many bad pictures a message names."""


class Decoded(NamedTuple):
    """Pictures in memory.

    Args:
        images: shape (M, channels, height, width), uint8.
        rows: which pictures they are, shape (M,), int64, ascending.
        bad: one line on each picture that was left out.
    """

    images: UInt8[Tensor, "m ch h w"]
    rows: Int64[Tensor, "m"]
    bad: list[str]


def decode(pictures: Pictures, wanted: ImageFormat, skip_bad: int = 0, skipped: int = 0) -> Decoded:
    """Read all pictures into one tensor; the same tensor whatever the number of threads, which is that of torch.

    Memory is the tensor and one decoded picture a thread. `read_image` reads one picture.

    Args:
        pictures: of any modes and sizes.
        wanted: complete, see `find_format`.
        skip_bad: how many bad pictures are left out, >= 0; one more is an error.
        skipped: how many were left out of other splits already; they count.

    Returns:
        The sound pictures, their rows, and a line on each bad one.

    Raises:
        DataError: code D18 for more bad pictures than ``skip_bad``, or the error of the one that is bad where none may
            be; D19 for a format that is not complete; D11 for ``skip_bad`` < 0.

    Example:
        >>> from PIL import Image
        >>> from torchheads.images.dataset_pictures import DatasetPictures
        >>> pictures = DatasetPictures([(Image.new("L", (8, 4), 7), 0), (None, 1)])
        >>> images, rows, bad = decode(pictures, ImageFormat(size=(2, 2), channels=1), skip_bad=1)
        >>> images.flatten().tolist(), rows.tolist(), bad[0][:24]
        ([7, 7, 7, 7], [0], 'TH-D08: list, row 1 is t')
    """
    check_complete(wanted)
    if skip_bad < 0:
        raise DataError("D11", f"skip_bad={skip_bad}; allowed 0 or more pictures", "data.skip_bad=0")
    assert wanted.size is not None
    assert wanted.channels is not None
    images = torch.empty((len(pictures), wanted.channels, *wanted.size), dtype=torch.uint8)
    faults = fill(images.numpy(), pictures, wanted, skip_bad, skipped)
    images = without(images, sorted(faults))
    rows = torch.tensor([row for row in range(len(pictures)) if row not in faults], dtype=torch.int64)
    return Decoded(images, rows, [line_of(fault) for fault in faults.values()])


def fill(
    pixels: UInt8[np.ndarray, "n ch h w"], pictures: Pictures, wanted: ImageFormat, skip_bad: int, skipped: int
) -> dict[int, DataError]:
    """Write each picture to its row; the errors of the bad ones by row, ascending.

    Chunks are looked at in order, and none after the one in which there are too many bad pictures, so that the message
    depends on no thread.
    """

    def fill_chunk(start: int) -> dict[int, DataError]:
        found = {}
        for row in range(start, min(start + CHUNK, len(pictures))):
            try:
                pixels[row] = read_pixels(pictures, row, wanted)
            except DataError as fault:
                found[row] = fault
        return found

    Image.init()  # here: of two threads that load Pillow's formats at the same time, one may miss its own
    faults: dict[int, DataError] = {}
    pool = ThreadPoolExecutor(torch.get_num_threads(), "decode")
    try:
        for start, found in enumerate(pool.map(fill_chunk, range(0, len(pictures), CHUNK))):
            faults |= found
            if skipped + len(faults) > skip_bad:
                read = f"the first {min((start + 1) * CHUNK, len(pictures)):,} of {len(pictures):,}"
                raise too_many(faults, skip_bad, skipped, read)
    finally:
        pool.shutdown(cancel_futures=True)
    return faults


def without(images: UInt8[Tensor, "n ch h w"], bad: list[int]) -> UInt8[Tensor, "m ch h w"]:
    """The images without some rows, moved up in place: a copy of all that is sound might not fit into memory.

    Example:
        >>> without(torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1), [0, 3]).flatten().tolist()
        [1, 2, 4]
    """
    pixels = images.numpy()
    for skipped, (row, end) in enumerate(zip(bad, [*bad, len(images)][1:], strict=True), start=1):
        for start in range(row + 1, end, CHUNK):
            stop = min(start + CHUNK, end)
            pixels[start - skipped : stop - skipped] = pixels[start:stop]
    return images[: len(images) - len(bad)]


def too_many(faults: dict[int, DataError], skip_bad: int, skipped: int, read: str) -> DataError:
    """The error of more bad pictures than may be left out; where none may be, the only one is named by its own."""
    found = list(faults.values())
    if skip_bad == 0 and len(found) == 1:
        return found[0]
    before = f" after {skipped} in other splits" if skipped else ""
    named = "; ".join(line_of(fault) for fault in found[:NAMED])
    problem = f"bad pictures: {len(found)} among {read}{before}, allowed skip_bad={skip_bad}: {named}"
    return DataError("D18", problem, f"data.skip_bad={skipped + len(found)} to leave these out, or mend them")


def line_of(fault: DataError) -> str:
    """Code and problem of a bad picture; the remedy is the same for all."""
    return f"TH-{fault.code}: {fault.problem}"
