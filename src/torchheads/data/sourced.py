"""Data that are read from disk: what every such data set does with what its class has read.

n examples, c classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Unpack

import torch

from torchheads.data.augmentation import Augmentation
from torchheads.data.base import ClassificationData
from torchheads.data.batch import Split
from torchheads.data.cutting import cut
from torchheads.data.functional.statistics import Moments
from torchheads.data.options import LoaderOptions
from torchheads.data.pictures import Prepared, moments, prepare, tensor_of
from torchheads.data.readers import Reader, WorkerReader
from torchheads.data.source import Examples, Source
from torchheads.data.source_checks import check_names, check_offset, check_overlap, warn_of_unseen
from torchheads.errors import DataError
from torchheads.images import ImageFiles, ImageFormat, Pictures
from torchheads.targets import LabelType


class SourcedData(ClassificationData, ABC):
    """A data set on disk; a class of its own says how it is read, and sets ``name``.

    Published test rows stay test rows. A split that is not published is cut out of the training part, stratified, by
    ``split_seed``. Decoded pictures are kept in memory where all splits fit into ``cache_gb``; else worker processes
    decode them anew for each batch, to the same pixels.

    Args:
        val_share: share of the training part that is cut out for validation, where none is published.
        calibration_share: the same for calibrators and thresholds.
        test_share: the same for testing.
        image_size: side in pixels that pictures are brought to; None for what the backbone's weights expect, else
            their own size where all have one, else 64.
        channels: 1 for grey, 3 for colours; None for 1 where all pictures are grey.
        cache_gb: budget for decoded pictures, in 10^9 bytes.
        workers: processes that decode pictures which do not fit into it.
        skip_bad: how many pictures that cannot be read are left out and counted; one more is an error.
        label_offset: the number of the first class, in data that number their classes.
        allow_overlap: let splits share pictures.
        options: those of `ClassificationData`.

    Raises:
        DataError: from `setup`: code D03 for shares that leave nothing, D04 for a picture in two parts, D07 for class
            names that are no names, and those of the pictures.
    """

    def __init__(
        self,
        val_share: float = 0.1,
        calibration_share: float = 0.1,
        test_share: float = 0.2,
        image_size: int | None = None,
        channels: int | None = None,
        cache_gb: float = 4.0,
        workers: int = 2,
        skip_bad: int = 0,
        label_offset: int = 0,
        allow_overlap: bool = False,
        **options: Unpack[LoaderOptions],
    ) -> None:
        super().__init__(**options)
        whole = {"image_size": (1, image_size), "workers": (0, workers), "skip_bad": (0, skip_bad)}
        for option, (least, value) in whole.items():
            if value is not None and (not isinstance(value, int) or value < least):
                problem = f"{option}={value!r}; allowed a whole number from {least}"
                raise DataError("D11", problem, f"data.{option}={least}")
        if not isinstance(cache_gb, int | float) or cache_gb < 0:
            raise DataError("D11", f"cache_gb={cache_gb!r}; allowed a number from 0", "data.cache_gb=4.0")
        if channels not in (None, 1, 3):
            raise DataError("D11", f"channels={channels}; allowed 1 or 3", "data.channels=3")
        self.shares = {"val": val_share, "calibration": calibration_share, "test": test_share}
        self.image_size = image_size
        self.channels = channels
        self.cache_gb = cache_gb
        self.workers = workers
        self.skip_bad = skip_bad
        self.label_offset = label_offset
        self.allow_overlap = allow_overlap

    @abstractmethod
    def read(self) -> Source:
        """What is on disk; called once."""

    @cached_property
    def source(self) -> Source:
        """What was read, with class indices from 0, its names and parts checked."""
        read = self.read()
        check_offset(self.name, read, self.label_offset)
        source = read._replace(parts={name: part.shifted(self.label_offset) for name, part in read.parts.items()})
        check_names(self.name, source.class_names)
        if not self.allow_overlap:
            check_overlap(self.name, source.parts)
        warn_of_unseen(self.name, source)
        return source

    @property
    def label_type(self) -> LabelType:  # type: ignore[override]  # known once the source is read
        """ "single" or "multi"."""
        return self.source.label_type

    @property
    def class_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the C classes."""
        return self.source.class_names

    @cached_property
    def parts(self) -> dict[str, Examples]:
        """The splits as they were read, no picture in two of them."""
        parts = cut(self.source, self.shares, self.split_seed)
        if not self.allow_overlap:  # one picture in two rows of what was cut
            check_overlap(self.name, parts)
        return parts

    @cached_property
    def prepared(self) -> Prepared:
        """The splits with their pictures brought to one size."""
        return prepare(self.parts, self.wanted_format(), self.cache_gb, self.skip_bad)

    def wanted_format(self) -> ImageFormat:
        """What pictures are to be brought to: as a model was trained, as asked for, as the backbone expects."""
        if self.trained_format is not None:
            return self.trained_format
        expected = self.expected
        if self.image_size is not None:  # the whole picture, at the size asked for
            expected = expected._replace(size=(self.image_size, self.image_size), resize=None)
        return expected if self.channels is None else expected._replace(channels=self.channels)

    @property
    def skipped(self) -> list[str]:  # type: ignore[override]
        """One line for each file that was left out: it is no picture, or could not be read."""
        return [*self.source.left_out, *self.prepared.skipped]

    def file_names(self, name: str) -> Sequence[str] | None:
        """Paths of the pictures of a split, row by row, below the data's root; None where there are no files."""
        pictures = self.prepared.pictures.get(name)
        return pictures.paths if isinstance(pictures, ImageFiles) else None

    @property
    def image_format(self) -> ImageFormat | None:  # type: ignore[override]
        """What pictures are turned into; None for features."""
        return self.prepared.format

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image, or the number of features."""
        format = self.image_format
        if format is None or format.size is None or format.channels is None:
            return tuple(tensor_of(self.prepared.parts["train"]).shape[1:])
        return (format.channels, *format.size)

    def load_splits(self) -> dict[str, Split]:
        """Every split, cut by ``split_seed`` where it is not published."""
        return {name: Split(*part) for name, part in self.prepared.parts.items()}

    def moments(self) -> Moments:
        """Mean and deviation of each channel, the backbone's own where its weights have them; else of each feature."""
        return moments(self.prepared.parts["train"].input, self.image_format, self.cache_gb)

    def reader(self, name: str, augment: Augmentation | None, device: torch.device) -> Reader:
        """Pictures by worker processes where they are left in their files, else as `ClassificationData`."""
        inputs: Any = self.split(name).input
        if not isinstance(inputs, Pictures):
            return super().reader(name, augment, device)
        format = self.image_format or ImageFormat()
        return WorkerReader(inputs, format, augment or Augmentation(), self.seed, self.workers, device)
