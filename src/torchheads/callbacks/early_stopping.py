"""Ends a fit when the watched metric has stopped getting better."""

from __future__ import annotations

import math
from typing import final

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import callbacks as lightning_callbacks
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from torchheads.callbacks.base import parts, require_logged, require_validation
from torchheads.errors import HeadConfigError


@final
class EarlyStopping(lightning_callbacks.EarlyStopping):
    """Lightning's ``EarlyStopping`` that asks the module what to watch, and says why it stopped.

    Use it when the number of epochs is a guess. A schedule that falls towards the last epoch, such as
    ``warmup_cosine``, often gains most at its end: stopped early, it never gets there.

    Args:
        patience: validations in a row without a gain before the fit ends, >= 1.
        min_delta: gain that counts, in units of the watched metric, >= 0.

    Raises:
        HeadConfigError: code H13 for options out of range, H08 when the watched metric is not logged.

    Example:
        >>> EarlyStopping(patience=5).patience
        5
    """

    def __init__(self, patience: int = 10, min_delta: float = 0.0) -> None:
        if not isinstance(patience, int) or patience < 1:
            problem = f"early_stopping.patience={patience!r}; allowed a whole number from 1"
            raise HeadConfigError("H13", problem, "callbacks.early_stopping.patience=10")
        if not isinstance(min_delta, int | float) or not 0 <= min_delta < math.inf:
            problem = f"early_stopping.min_delta={min_delta!r}; allowed a number from 0"
            raise HeadConfigError("H13", problem, "callbacks.early_stopping.min_delta=0.001")
        super().__init__(monitor="", patience=patience, mode="max", strict=False)  # both are set in `setup`
        self.gain = float(min_delta)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Learn what is watched, before a checkpoint's state is loaded under that name."""
        self.monitor, self.mode = parts(pl_module).watched, parts(pl_module).watched_mode
        sign = 1 if self.mode == "max" else -1
        self.min_delta = sign * self.gain
        if not torch.isfinite(self.best_score):
            self.best_score = torch.tensor(-sign * torch.inf)
        super().setup(trainer, pl_module, stage)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a run without validation.

        Raises:
            HeadConfigError: code H08.
        """
        require_validation(trainer, parts(pl_module).watched)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the metric where Lightning checks it after a validation.

        Raises:
            HeadConfigError: code H08, when it was not logged.
        """
        require_logged(trainer, parts(pl_module).watched)
        super().on_validation_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say in one line why the fit ended early, if it did."""
        if self.stopping_reason == EarlyStoppingReason.NON_FINITE_METRIC:
            reason = f"{self.monitor} is no longer finite"
        elif self.stopping_reason == EarlyStoppingReason.PATIENCE_EXHAUSTED:
            reason = f"{self.monitor} did not get better than {self.best_score:.4g} in {self.wait_count} validations"
        else:
            return
        pl_module.print(f"stopped in epoch {self.stopped_epoch + 1}: {reason}")
