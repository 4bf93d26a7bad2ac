"""Keeps the epoch with the best watched metric in ``best.ckpt`` and the latest epoch in ``last.ckpt``."""

from __future__ import annotations

import math
import time
import warnings
from pathlib import Path
from typing import Any, Literal, final

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from torchheads.callbacks.base import is_fitting, is_trial, parts, require_logged, require_validation
from torchheads.callbacks.whole_files import WholeFiles, write_whole_files
from torchheads.errors import HeadConfigError, NonFiniteError


@final
class BestCheckpoint(ModelCheckpoint):
    """Lightning's ``ModelCheckpoint`` that asks the module what to watch and refuses scores that are no numbers.

    It differs in seven ways. The metric and its direction come from the module. NaN and infinity never become best,
    and a fit without one finite score ends in an error. Of equal scores, common on a small validation split, the
    latest epoch's weights are kept: they have been trained for longer. ``last.ckpt`` is written at the end of an
    epoch whether the best changed or not, where Lightning 2.6 writes it only when it did; of epochs that take less
    than ``last_every``, not at the end of each, but always of the final one and of a new best. A folder that holds
    another run's checkpoints is refused, where Lightning warns and mixes them. A run resumed into another folder still
    knows the best epoch before it, where Lightning forgets its score. And a file is whole or not there, see
    `WholeFiles`.

    Args:
        dirpath: folder of the checkpoints; None means ``checkpoints`` in the logger's or trainer's folder.
        weights: which ones the run is tested with and ends with: ``"best"``, or ``"last"`` where the validation split
            is too small to choose by, as after a schedule that ends near zero.
        last_every: least seconds between two writes of ``last.ckpt``: what a run that is killed may lose beside its
            unfinished epoch. Writing a frozen network after each epoch of a linear probe takes longer than the epoch.

    Raises:
        HeadConfigError: code H08, when the watched metric is never logged; H16, when the folder is another run's; H04,
            for other ``weights`` or a negative ``last_every``.
        NonFiniteError: code N01 at the end of a fit, when no validation gave a finite score.

    Example:
        >>> BestCheckpoint("runs/one/checkpoints").filename
        'best'
    """

    def __init__(
        self, dirpath: str | None = None, weights: Literal["best", "last"] = "best", last_every: float = 5.0
    ) -> None:
        if weights not in ("best", "last"):
            problem = f"callbacks.best_checkpoint.weights={weights!r}; allowed best, last"
            raise HeadConfigError("H04", problem, "callbacks.best_checkpoint.weights=last")
        if isinstance(last_every, bool) or not isinstance(last_every, int | float) or not last_every >= 0:
            problem = f"callbacks.best_checkpoint.last_every={last_every!r} is no number of seconds"
            raise HeadConfigError("H04", problem, "callbacks.best_checkpoint.last_every=5")
        self.weights = weights
        self.last_every, self.last_written = last_every, -math.inf
        self.is_new_best, self.last_is_behind = False, False  # than the best
        super().__init__(dirpath, filename="best", auto_insert_metric_name=False, enable_version_counter=False)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Learn what is watched, before a checkpoint's state is loaded under that name."""
        write_whole_files(trainer)
        self.monitor, self.mode = parts(pl_module).watched, parts(pl_module).watched_mode
        with warnings.catch_warnings():  # `on_fit_start` decides whether files found there are a fault
            warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
            super().setup(trainer, pl_module, stage)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a run that cannot find a best epoch, or that would overwrite another run's.

        Raises:
            HeadConfigError: codes H08 and H16.
        """
        require_validation(trainer, parts(pl_module).watched)
        carries_on = trainer.ckpt_path or self.best_model_path or is_trial(trainer)
        if not carries_on and any(self.file_exists(self.path(name), trainer) for name in ("best", "last")):
            problem = f"{self.dirpath} already holds the checkpoints of another run"
            raise HeadConfigError("H16", problem, f"ckpt_path={self.path('last')} to carry it on, or another folder")

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best epoch so far, in whatever folder it is; nothing, where its file is gone."""
        if Path(state_dict["best_model_path"]).is_file():
            super().load_state_dict({**state_dict, "dirpath": self.dirpath})

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Whether a score is the best so far; of equal ones the latest, and one that is not finite never."""
        finite = current is not None and math.isfinite(current.item())
        if not trainer.strategy.reduce_boolean_decision(finite):
            return False
        ties = current is not None and self.best_model_score is not None and bool(current == self.best_model_score)
        self.is_new_best = trainer.strategy.reduce_boolean_decision(ties) or super().check_monitor_top_k(
            trainer, current
        )
        self.last_is_behind |= self.is_new_best
        return self.is_new_best

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save where Lightning saves after a validation, once the watched metric is known to be there.

        Raises:
            HeadConfigError: code H08, when it is not.
        """
        require_logged(trainer, parts(pl_module).watched)
        super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the best where Lightning saves at the end of an epoch, then the last.

        After a new best the last is always written, so that a run carried on from it knows every best before it.
        """
        kept = is_fitting(trainer) and not is_trial(trainer)
        if kept:
            self.last_model_path = self.path("last")  # before saving, since it is part of what is saved
        self.is_new_best = False
        if parts(pl_module).watched in trainer.callback_metrics:  # not before the first validation
            super().on_train_epoch_end(trainer, pl_module)
        if kept and (self.last_is_behind or self.is_time_for_last(trainer)):
            self._write_last(trainer)

    def _write_last(self, trainer: Trainer) -> None:
        """Write ``last.ckpt``, or give ``best.ckpt`` this name too where it is of the same moment."""
        files, best = trainer.strategy.checkpoint_io, Path(self.best_model_path)
        if self.is_new_best and trainer.world_size == 1 and isinstance(files, WholeFiles) and best.is_file():
            files.write_again(best, self.last_model_path)
        else:
            trainer.save_checkpoint(self.last_model_path, weights_only=False)
        self.last_written, self.last_is_behind = time.monotonic(), False

    def is_time_for_last(self, trainer: Trainer) -> bool:
        """Whether this epoch is the final one, or the last file is old enough on any rank."""
        due = time.monotonic() - self.last_written >= self.last_every or trainer.received_sigterm
        return trainer.strategy.reduce_boolean_decision(due or is_final_epoch(trainer), all=False)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End with an error when there is no best epoch, before anything is reported from a bad one.

        Raises:
            HeadConfigError: code H08, when the run was too short for one validation.
            NonFiniteError: code N01, when no validation gave a finite score.
        """
        super().on_train_end(trainer, pl_module)
        if self.best_model_path or is_trial(trainer):
            return
        key = parts(pl_module).watched
        score: Any = trainer.callback_metrics.get(key)
        if score is None:
            problem = f"{key} was never logged: training ended after {trainer.global_step} steps, before a validation"
            raise HeadConfigError("H08", problem, "trainer.max_steps=-1, or a smaller trainer.val_check_interval")
        problem = f"{key} was finite in no validation (the last was {score.item()}), so there is no best epoch"
        raise NonFiniteError("N01", problem, "a lower optimizer.lr, or trainer.detect_anomaly=true to find the cause")

    def path(self, name: str) -> str:
        """Path of the checkpoint ``best`` or ``last``."""
        return self.format_checkpoint_name({}, filename=name)


def is_final_epoch(trainer: Trainer) -> bool:
    """Whether no epoch follows the one that ends, as Lightning's loop will decide once its callbacks are done."""
    epochs, steps = trainer.max_epochs, trainer.max_steps
    return (
        trainer.should_stop
        or (epochs is not None and 0 <= epochs <= trainer.current_epoch + 1)
        or 0 <= steps <= trainer.global_step
    )
