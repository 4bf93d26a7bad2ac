"""The pictures of a data set: brought to one size, in memory where they fit, else decoded by worker processes.

n examples.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor

from torchheads.data.functional.keyed import Stream, keyed_bits
from torchheads.data.functional.resizing import resize_images
from torchheads.data.functional.statistics import Moments, channel_moments, input_moments
from torchheads.data.source import Examples
from torchheads.images import ImageFormat, Pictures, decode, find_format

SAMPLE: Final = 2048
"""Pictures of which the moments are taken where not all are in memory."""


class Prepared(NamedTuple):
    """The splits with their inputs brought to one size, that size, and one line for each picture left out."""

    parts: dict[str, Examples]
    format: ImageFormat | None  # None: not pictures
    skipped: list[str]


def prepare(parts: Mapping[str, Examples], wanted: ImageFormat, cache_gb: float, skip_bad: int) -> Prepared:
    """Find the size of the pictures and decode them, where all splits together fit into the budget.

    Args:
        parts: the splits; features stay what they are.
        wanted: size and channels asked for; None in it is found from the training pictures.
        cache_gb: bytes of decoded pictures, in units of 10^9, that may be kept in memory.
        skip_bad: how many pictures that cannot be read are left out, over all splits.

    Raises:
        DataError: those of `decode` and `find_format`.
    """
    if isinstance(parts["train"].input, Tensor):
        return resized(parts, wanted)
    format = find_format(parts["train"].input, wanted)
    if picture_bytes(format) * sum(len(part.target) for part in parts.values()) > cache_gb * 1e9:
        return left_in_files(parts, format, skip_bad)
    cached: dict[str, Examples] = {}
    skipped: list[str] = []
    for name, part in parts.items():
        decoded = decode(pictures_of(part), format, skip_bad, len(skipped))
        cached[name] = part.rows(decoded.rows)._replace(input=decoded.images)
        skipped += decoded.bad
    return Prepared(cached, format, skipped)


def resized(parts: Mapping[str, Examples], wanted: ImageFormat) -> Prepared:
    """Images that are in memory, scaled where another size is wanted; features as they are."""
    shape = tensor_of(parts["train"]).shape
    if len(shape) != 4:
        return Prepared(dict(parts), None, [])
    size = wanted.size or (shape[2], shape[3])
    format = wanted._replace(size=size, channels=shape[1], resize=None)
    scaled = {
        name: part._replace(input=resize_images(tensor_of(part), size, wanted.interpolation))
        for name, part in parts.items()
    }
    return Prepared(scaled, format, [])


def left_in_files(parts: Mapping[str, Examples], format: ImageFormat, skip_bad: int) -> Prepared:
    """Pictures that are decoded when they are needed; where bad ones may be left out, each is looked at once now."""
    if skip_bad == 0:
        return Prepared(dict(parts), format, [])
    kept: dict[str, Examples] = {}
    skipped: list[str] = []
    for name, part in parts.items():
        good = []
        for block in torch.split(torch.arange(len(part.target)), 1000):
            decoded = decode(pictures_of(part).select(block), format, skip_bad, len(skipped))
            good.append(block[decoded.rows])
            skipped += decoded.bad
        kept[name] = part.rows(torch.cat(good))
    return Prepared(kept, format, skipped)


def pictures_of(part: Examples) -> Pictures:
    """The inputs of a part of which it is known that they are pictures in files."""
    assert isinstance(part.input, Pictures)  # the parts of a data set are all of one kind
    return part.input


def tensor_of(part: Examples) -> Tensor:
    """The inputs of a part of which it is known that they are in memory."""
    assert isinstance(part.input, Tensor)  # as above
    return part.input


def picture_bytes(format: ImageFormat) -> int:
    """Bytes of one decoded picture.

    Example:
        >>> picture_bytes(ImageFormat(size=(64, 64), channels=3))
        12288
    """
    height, width = format.size or (0, 0)
    return height * width * (format.channels or 0)


def moments(inputs: Tensor | Pictures, format: ImageFormat | None) -> Moments:
    """Mean and deviation by which inputs are standardised: the backbone's own, else those of the training split.

    Of pictures in files a sample is read, spread by key, the same in every run.

    Args:
        inputs: those of the training split.
        format: complete; None for features.
    """
    if format is not None and format.mean is not None and format.deviation is not None:
        mean, deviation = (255 * torch.tensor(values).view(-1, 1, 1) for values in (format.mean, format.deviation))
        return Moments(mean, deviation)
    if isinstance(inputs, Tensor):
        return input_moments(inputs)
    assert format is not None  # pictures have one
    sample = keyed_bits(0, 0, Stream.SPLIT, torch.arange(len(inputs))).argsort()[:SAMPLE]
    return channel_moments(decode(inputs.select(sample), format, skip_bad=0).images)
