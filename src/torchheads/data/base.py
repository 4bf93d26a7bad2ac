"""What every data set offers: its splits, keyed loaders, and the numbers a head and its prior need.

n examples, c classes, d features.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import torch
from jaxtyping import Float, Int64, Shaped
from lightning.pytorch import LightningDataModule
from torch import Tensor

from torchheads.data.augmentation import Augmentation
from torchheads.data.batch import Batch, FeatureBatch, Split
from torchheads.data.class_counts import class_counts
from torchheads.data.functional.sharing import Shard
from torchheads.data.functional.statistics import (
    Moments,
    input_moments,
    smoothed_prior,
    standardise,
)
from torchheads.data.loader import Finish, KeyedLoader
from torchheads.data.mixing import Mixing
from torchheads.data.readers import Reader, RowReader, open_reader
from torchheads.data.resume import batches_done, mend_progress
from torchheads.data.sampler import EvaluationSampler, KeyedSampler, RowSampler
from torchheads.data.sampling import RowOrder
from torchheads.data.source import Examples
from torchheads.data.split_checks import check_split
from torchheads.errors import DataError
from torchheads.images import ImageFormat
from torchheads.targets import LabelType, each

__all__ = ["Batch", "ClassificationData", "Split"]

SPLITS: Final = ("train", "val", "calibration", "test")


class ClassificationData(LightningDataModule, ABC):
    """Four disjoint splits of examples and their loaders; a data set adds its names and `load_splits`.

    The data own the label type; data of several tasks have label types, class names and targets in dicts by task.
    ``split_seed`` decides which rows are in which split, ``seed`` decides order and augmentation: runs with other seeds
    are compared on the same test rows. The loaders read ranks from ``torch.distributed`` themselves
    (``Trainer(use_distributed_sampler=False)``) and keep what is in memory on the trainer's device.

    Args:
        batch_size: training rows of a step on one rank, >= 1.
        eval_batch_size: the same for every other split.
        split_seed: which rows are in which split.
        seed: order of the training rows, their augmentation and mixing.
        augment: what is done to each training image; None for nothing.
        mix: how the examples of a training batch are mixed; None for not at all.
        sampling: which training rows an epoch has; None for every row once.
        drop_last: leave out the last, shorter training step.

    Raises:
        DataError: code D11 for a batch size below 1; from `setup` code D01 for an empty split.
    """

    name: str
    label_type: LabelType | Mapping[str, LabelType]
    class_names: tuple[str, ...] | Mapping[str, tuple[str, ...]]
    ignore_index: int | None = None
    """The target value that marks what is unknown in these data; the head's ``ignore_index`` must be the same."""

    image_format: ImageFormat | None = None
    """What pictures are turned into; None where there are none."""
    skipped: Sequence[str] = ()
    """One line for each example that could not be read and was left out."""
    expected: ImageFormat = ImageFormat()  # of the backbone; this and the next two are set before `setup`
    trained_format: ImageFormat | None = None  # what pictures were brought to when the model was trained
    trained_moments: Moments | None = None  # by what inputs were standardised then

    def __init__(
        self,
        batch_size: int = 64,
        eval_batch_size: int = 512,
        split_seed: int = 0,
        seed: int = 0,
        augment: Augmentation | None = None,
        mix: Mixing | None = None,
        sampling: RowOrder | None = None,
        drop_last: bool = False,
    ) -> None:
        super().__init__()
        for option, size in (("batch_size", batch_size), ("eval_batch_size", eval_batch_size)):
            if size < 1:
                raise DataError("D11", f"{option}={size}; allowed 1 or more", f"data.{option}=64")
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.split_seed = split_seed
        self.seed = seed
        self.augment = augment
        self.mix = mix
        self.sampling = sampling
        self.drop_last = drop_last
        self._splits: Mapping[str, Split] = {}
        self._features: Mapping[str, Float[Tensor, "n d"]] = {}
        self._moments: Moments | None = None

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: channels, height and width of an image, or the number of features."""

    @abstractmethod
    def load_splits(self) -> dict[str, Split]:
        """The splits train, val, calibration and test; a function of ``split_seed`` and the constructor's options."""

    @property
    def num_classes(self) -> Any:
        """Number of classes C, or a dict of them by task."""
        return each(len, self.class_names)

    @property
    def num_samples(self) -> dict[str, int]:
        """Number of examples of each split."""
        return {name: len(self.split(name).input) for name in SPLITS}

    def setup(self, stage: str | None = None) -> None:
        """Load the splits once and look at every target, so that no step on a device has to.

        Safe to call again, with or without a trainer.

        Raises:
            DataError: code D01 for an empty split.
            TargetError: for a target out of range, naming data set, split and row.
        """
        if self._splits:
            return
        splits = self.load_splits()
        for name in SPLITS:
            if len(splits[name].input) == 0 and name != "calibration":  # which only what is fitted needs
                problem = f"split {name!r} of {self.name} is empty; allowed 1 row or more"
                raise DataError("D01", problem, f"more {name} rows, such as data.{name}_share=0.1")
            check_split(self, name, splits[name])
        self._splits = splits
        self._moments = self.trained_moments or self.moments()

    def split(self, name: str) -> Split:
        """All raw examples of a split, loaded when first asked for.

        Raises:
            DataError: code D13 for a name that is no split, and those of `setup`.
        """
        if name not in SPLITS:
            raise DataError("D13", f"split {name!r} of {self.name}; allowed {', '.join(SPLITS)}", "split=test")
        self.setup()
        return self._splits[name]

    def prior(self) -> Any:
        """Share of training examples that hold each class, ``(n_c + 1) / (N + 2)``, shape (C,), float32; or by task."""
        priors = {task: smoothed_prior(counts) for task, counts in class_counts(self).items()}
        return priors if isinstance(self.label_type, Mapping) else priors[""]

    def moments(self) -> Moments:
        """Mean and deviation by which inputs are standardised: those of the training split."""
        return input_moments(self.split("train").input)

    @property
    def standardised_by(self) -> Moments:
        """Mean and deviation that the loaders use: those of the run where a model was trained, else `moments`."""
        self.setup()
        return self._moments or self.moments()

    def standardise(self, inputs: Shaped[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """Raw inputs as the loaders hand them out: by mean and deviation of each channel or feature."""
        return standardise(inputs, self.standardised_by)

    def use_features(self, features: Mapping[str, Float[Tensor, "n d"]]) -> None:
        """Hand out these rows of features, by split, in place of the inputs: those of a backbone that is frozen."""
        self._features = features

    def with_training_rows(self, rows: Mapping[str, Int64[Tensor, "m"]]) -> Self:
        """The same data, in which the splits named here are rows of the training split; standardised as before."""
        self.setup()
        other, train = copy.copy(self), Examples(*self.split("train"))
        other.trainer = None
        other._splits = {**self._splits, **{name: Split(*train.rows(ids)) for name, ids in rows.items()}}
        if self._features:
            chosen = {name: self._features["train"][ids] for name, ids in rows.items()}
            other._features = {**self._features, **chosen}
        return other

    def train_dataloader(self) -> KeyedLoader:
        """Training batches in the order of (seed, epoch), augmented and mixed; this rank's share."""
        split = self.split("train")
        order = None if self.sampling is None else self.sampling.prepare(split.target, split.mask)
        sampler = KeyedSampler(len(split.input), self.batch_size, self.seed, self.drop_last, order=order)
        loader = self._loader("train", sampler, self.augment, self._mixed if self.mix is not None else None)
        loader.begin = lambda: self._begin_training(loader)
        return loader

    def val_dataloader(self) -> KeyedLoader:
        """Validation batches in ascending order of rows; this rank's share, padded (see `EvaluationSampler`)."""
        return self.evaluation_dataloader("val")

    def calibration_dataloader(self) -> KeyedLoader:
        """Batches that calibrators and thresholds are fitted on; as `val_dataloader`."""
        return self.evaluation_dataloader("calibration")

    def test_dataloader(self) -> KeyedLoader:
        """Test batches; as `val_dataloader`."""
        return self.evaluation_dataloader("test")

    def predict_dataloader(self) -> KeyedLoader:
        """All test rows in ascending order, on every rank: predictions need no gathering and no cutting."""
        return self.evaluation_dataloader("test", Shard(rank=0, world=1))

    def evaluation_dataloader(self, name: str, shard: Shard | None = None) -> KeyedLoader:
        """Batches of any split as it is: ascending order, no augmentation.

        Args:
            name: train, val, calibration or test.
            shard: the rank to read for; None asks ``torch.distributed``.
        """
        sampler = EvaluationSampler(len(self.split(name).input), self.eval_batch_size, shard)
        return self._loader(name, sampler, augment=None)

    def _begin_training(self, loader: KeyedLoader) -> int | None:
        """Batches already trained on, where ``loader`` is the one the trainer trains from."""
        trainer = self.trainer
        if trainer is None or not trainer.training or trainer.train_dataloader is not loader:
            return None
        mend_progress(trainer)
        return batches_done(trainer)

    def _mixed(self, batch: Batch, epoch: int, number: int) -> Batch:
        return batch if self.mix is None else self.mix(batch, self.seed, epoch, number)

    def _loader(
        self, name: str, sampler: RowSampler, augment: Augmentation | None, finish: Finish | None = None
    ) -> KeyedLoader:
        split = self.split(name)
        device = self.trainer.strategy.root_device if self.trainer is not None else torch.device("cpu")
        if self._features:
            features = RowReader(self._features[name].to(device))
            return KeyedLoader(features, split, None, sampler, device, finish, FeatureBatch)
        return KeyedLoader(self.reader(name, augment, device), split, self._moments, sampler, device, finish)

    def reader(self, name: str, augment: Augmentation | None, device: torch.device) -> Reader:
        """How the raw inputs of a split are read."""
        return open_reader(self.split(name).input, augment, self.seed, device)
