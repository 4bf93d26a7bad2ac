"""What callbacks may ask of the module they serve: its parts and the metric it is judged by."""

from __future__ import annotations

from typing import Literal, Protocol, cast

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch import nn

from torchheads.errors import HeadConfigError


class Head(Protocol):
    """The attributes of a head that callbacks read."""

    label_type: str
    num_classes: int


class Watched(Protocol):
    """The attributes of a module that callbacks read.

    Attributes:
        watched: logged key that tells the best epoch, such as ``"val/accuracy"``.
        watched_mode: whether the highest or the lowest value is the best.
        backbone: what makes the features.
        head: what classifies them.
    """

    watched: str
    watched_mode: Literal["min", "max"]
    backbone: nn.Module
    head: Head


def parts(pl_module: LightningModule) -> Watched:
    """The module, typed by what callbacks may read of it."""
    return cast(Watched, pl_module)


def is_fitting(trainer: Trainer) -> bool:
    """Whether this is a hook of ``Trainer.fit`` that counts: not a test, a validation alone or the sanity check."""
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking


def is_trial(trainer: Trainer) -> bool:
    """Whether ``fast_dev_run`` is on, which neither saves nor stops early."""
    return bool(getattr(trainer, "fast_dev_run", False))


def require_validation(trainer: Trainer, key: str) -> None:
    """Refuse a fit that would never log the watched metric.

    Raises:
        HeadConfigError: code H08, when validation is switched off, or due after the last epoch only.
    """
    if not trainer.enable_validation and not is_trial(trainer):
        limit = trainer.limit_val_batches
        problem = f"{key} is watched, but this run does not validate (trainer.limit_val_batches={limit})"
        raise HeadConfigError("H08", problem, "trainer.limit_val_batches=1.0")
    every, epochs = trainer.check_val_every_n_epoch, trainer.max_epochs
    if every is not None and epochs is not None and 0 < epochs < every and not is_trial(trainer):
        problem = f"{key} is watched, but validation is due every {every} epochs, and the run has {epochs}"
        raise HeadConfigError("H08", problem, "trainer.check_val_every_n_epoch=1")


def require_logged(trainer: Trainer, key: str) -> None:
    """Refuse to go on when a validation has just ended without the watched metric.

    Raises:
        HeadConfigError: code H08, with the keys that were logged.
    """
    logged = trainer.callback_metrics
    if is_fitting(trainer) and key not in logged:
        problem = f"{key} is watched, but was not logged; logged are: {', '.join(sorted(logged)) or 'none'}"
        raise HeadConfigError("H08", problem, f"self.log({key!r}, value) in on_validation_epoch_end")
