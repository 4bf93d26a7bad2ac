"""One picture as a tensor, and the format that fits all of them.

ch channels, h height, w width.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from torchheads.errors import DataError
from torchheads.images.base import Pictures
from torchheads.images.faults import faults_named
from torchheads.images.functional import (
    SHRINKABLE,
    as_array,
    cut_scaled,
    is_grey,
    load,
    plain,
    scaled_size,
    shrink,
    upright_size,
)
from torchheads.images.image_format import ImageFormat

LOOKS: Final = 256
"""How many headers `find_format` reads at most."""


def read_image(pictures: Pictures, row: int, wanted: ImageFormat) -> UInt8[Tensor, "ch h w"]:
    """One picture in the format of the data; `decode` reads all of them.

    Args:
        pictures: of any modes and sizes.
        row: 0..len - 1.
        wanted: complete, see `find_format`.

    Returns:
        Shape ``(channels, *size)``, uint8, black 0, white 255.

    Raises:
        DataError: code D09, D15, D16 or D17, naming file and row; D19 for a format that is not complete.

    Example:
        >>> from PIL import Image
        >>> from torchheads.images.dataset_pictures import DatasetPictures
        >>> pictures = DatasetPictures([(Image.new("RGB", (8, 4), (255, 0, 0)), 0)])
        >>> read_image(pictures, 0, ImageFormat(size=(1, 1), channels=3)).flatten().tolist()
        [255, 0, 0]
    """
    check_complete(wanted)
    return torch.from_numpy(np.array(read_pixels(pictures, row, wanted)))


def read_pixels(pictures: Pictures, row: int, wanted: ImageFormat) -> UInt8[np.ndarray, "ch h w"]:
    """`read_image` as a view of Pillow's own pixels, to be copied where they belong."""
    assert wanted.channels is not None
    with faults_named(pictures.where(row)), pictures.open(row) as picture:
        if picture.format not in SHRINKABLE:
            load(picture)
        scaled = scaled_size(upright_size(picture), wanted)
        frame = shrink(picture, scaled)
        return as_array(cut_scaled(plain(picture), frame, scaled, wanted), wanted.channels)


def check_complete(wanted: ImageFormat) -> None:
    """Refuse a format in which something is still to be found."""
    wanted.check()
    if not wanted.is_complete:
        problem = f"size={wanted.size}, channels={wanted.channels}; both must be known before pictures are read"
        raise DataError("D19", problem, "find_format(pictures, wanted)")


def find_format(pictures: Pictures, wanted: ImageFormat, default_size: int = 64) -> ImageFormat:
    """The format wanted, with what it leaves open taken from the pictures.

    The headers of at most 256 pictures, evenly spread, are read; those that cannot be read do not count. A size common
    to all of them is kept, else pictures become squares of ``default_size``; if all of them are grey there is one
    channel, else three.

    Args:
        pictures: one or more.
        wanted: what is known, such as the format of pretrained weights.
        default_size: side of the square, >= 1.

    Returns:
        Size and channels are known; mean and deviation are as wanted.

    Raises:
        DataError: code D19 for a format that cannot be, D01 for no pictures, or that of the first picture where none
            can be read.

    Example:
        >>> from PIL import Image
        >>> from torchheads.images.dataset_pictures import DatasetPictures
        >>> pictures = DatasetPictures([(Image.new("L", (8, 4)), 0), (Image.new("L", (8, 4)), 1)])
        >>> find_format(pictures, ImageFormat())[:2], find_format(pictures, ImageFormat(size=(9, 9), channels=3))[:2]
        (((4, 8), 1), ((9, 9), 3))
    """
    wanted.check()
    if wanted.size is None and wanted.resize is not None:
        wanted = wanted._replace(size=(wanted.resize, wanted.resize))
    if not wanted.is_complete:
        sizes, greys = headers(pictures)
        size = sizes.pop() if len(sizes) == 1 else (default_size, default_size)
        channels = 1 if greys == {True} else 3
        wanted = wanted._replace(size=wanted.size or size, channels=wanted.channels or channels)
    wanted.check()
    return wanted


def headers(pictures: Pictures) -> tuple[set[tuple[int, int]], set[bool]]:
    """Sizes that occur, and whether grey and coloured pictures do, among up to `LOOKS` pictures."""
    count = min(len(pictures), LOOKS)
    sizes, greys, faults = set(), set(), []
    for look in range(count):
        row = look * len(pictures) // count
        try:
            with faults_named(pictures.where(row)), pictures.open(row) as picture:
                sizes.add(upright_size(picture))
                greys.add(is_grey(picture))
        except DataError as fault:
            faults.append(fault)
    if not sizes:
        raise faults[0] if faults else DataError("D01", "no pictures; allowed 1 or more", "more rows")
    return sizes, greys
