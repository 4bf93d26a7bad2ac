"""The options that every data set has, as keywords that its class hands on."""

from typing import TypedDict

from torchheads.data.augmentation import Augmentation
from torchheads.data.mixing import Mixing
from torchheads.data.sampling import RowOrder


class LoaderOptions(TypedDict, total=False):
    """Options of the loaders; `ClassificationData` says what they mean."""

    batch_size: int
    eval_batch_size: int
    split_seed: int
    seed: int
    augment: Augmentation | None
    mix: Mixing | None
    sampling: RowOrder | None
    drop_last: bool


class SourceOptions(LoaderOptions, total=False):
    """Options of data that are read from disk; `SourcedData` says what they mean."""

    val_share: float
    calibration_share: float
    test_share: float
    image_size: int | None
    channels: int | None
    cache_gb: float
    workers: int
    skip_bad: int
    label_offset: int
    allow_overlap: bool
