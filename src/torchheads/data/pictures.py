"""The pictures of a data set: brought to one size, in memory where they fit, else decoded by worker processes.

n examples.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor

from torchheads.data.functional.keyed import Stream, keyed_bits
from torchheads.data.functional.statistics import Moments, input_moments, moments_of_counts, shade_counts
from torchheads.data.source import Examples
from torchheads.images import ArrayPictures, ImageFormat, Pictures, decode, find_format

SAMPLE: Final = 2048
"""Pictures of which the moments are taken where not all are in memory."""


class Prepared(NamedTuple):
    """The splits with their inputs brought to one size, that size, what was left out, and the pictures themselves."""

    parts: dict[str, Examples]
    format: ImageFormat | None  # None: not pictures
    skipped: list[str]  # one line for each picture left out
    pictures: dict[str, Pictures]  # where the inputs of each split were read from; none where they were in memory


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
    inputs = parts["train"].input
    if isinstance(inputs, Tensor):
        if inputs.ndim != 4:
            return Prepared(dict(parts), None, [], {})
        own = wanted._replace(size=(inputs.shape[2], inputs.shape[3]), channels=inputs.shape[1], resize=None)
        if (wanted.size or own.size, wanted.channels or own.channels) == (own.size, own.channels):
            return Prepared(dict(parts), own, [], {})
        parts = {name: part._replace(input=ArrayPictures(tensor_of(part))) for name, part in parts.items()}
        wanted = wanted._replace(resize=None)  # small images are scaled whole
    format = find_format(pictures_of(parts["train"]), wanted)
    if not fits(format, parts, cache_gb):
        return left_in_files(parts, format, skip_bad, block=rows_within(format, cache_gb))
    cached: dict[str, Examples] = {}
    pictures: dict[str, Pictures] = {}
    skipped: list[str] = []
    for name, part in parts.items():
        decoded = decode(pictures_of(part), format, skip_bad, len(skipped))
        good = part.rows(decoded.rows)
        pictures[name], cached[name] = pictures_of(good), good._replace(input=decoded.images)
        skipped += decoded.bad
    return Prepared(cached, format, skipped, pictures)


def left_in_files(parts: Mapping[str, Examples], format: ImageFormat, skip_bad: int, block: int) -> Prepared:
    """Pictures that are decoded when they are needed; where bad ones may be left out, each is looked at once now."""
    if skip_bad == 0:
        return Prepared(dict(parts), format, [], {name: pictures_of(part) for name, part in parts.items()})
    kept: dict[str, Examples] = {}
    skipped: list[str] = []
    for name, part in parts.items():
        good = []
        for rows in torch.split(torch.arange(len(part.target)), block):
            decoded = decode(pictures_of(part).select(rows), format, skip_bad, len(skipped))
            good.append(rows[decoded.rows])
            skipped += decoded.bad
        kept[name] = part.rows(torch.cat(good))
    return Prepared(kept, format, skipped, {name: pictures_of(part) for name, part in kept.items()})


def pictures_of(part: Examples) -> Pictures:
    """The inputs of a part of which it is known that they are pictures in files."""
    assert isinstance(part.input, Pictures)  # the parts of a data set are all of one kind
    return part.input


def tensor_of(part: Examples) -> Tensor:
    """The inputs of a part of which it is known that they are in memory."""
    assert isinstance(part.input, Tensor)  # as above
    return part.input


def fits(format: ImageFormat, parts: Mapping[str, Examples], cache_gb: float) -> bool:
    """Whether the decoded pictures of all parts fit into the budget."""
    return picture_bytes(format) * sum(len(part.target) for part in parts.values()) <= cache_gb * 1e9


def rows_within(format: ImageFormat, cache_gb: float) -> int:
    """How many pictures may be decoded at once where not all fit: a quarter of the budget, 1 at least, 1000 at most."""
    return min(max(1, int(cache_gb * 1e9 / 4 / picture_bytes(format))), 1000)


def picture_bytes(format: ImageFormat) -> int:
    """Bytes of one decoded picture.

    Example:
        >>> picture_bytes(ImageFormat(size=(64, 64), channels=3))
        12288
    """
    height, width = format.size or (0, 0)
    return height * width * (format.channels or 0)


def moments(inputs: Tensor | Pictures, format: ImageFormat | None, cache_gb: float) -> Moments:
    """Mean and deviation by which inputs are standardised: the backbone's own, else those of the training split.

    Of pictures that are not in memory a sample is read, spread by key, the same in every run.

    Args:
        inputs: those of the training split.
        format: complete; None for features.
        cache_gb: budget for decoded pictures, in 10^9 bytes.
    """
    if format is not None and format.mean is not None and format.deviation is not None:
        mean, deviation = (255 * torch.tensor(values).view(-1, 1, 1) for values in (format.mean, format.deviation))
        return Moments(mean, deviation)
    if isinstance(inputs, Tensor):
        return input_moments(inputs)
    assert format is not None  # pictures have one
    sample = keyed_bits(0, 0, Stream.SPLIT, torch.arange(len(inputs))).argsort()[:SAMPLE]
    blocks = torch.split(sample, rows_within(format, cache_gb))
    counts = [shade_counts(decode(inputs.select(rows), format).images) for rows in blocks]
    return moments_of_counts(torch.stack(counts).sum(dim=0))
