"""Validates, saves and ends with a running mean of the weights instead of the weights of the last step."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, final

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import callbacks as lightning_callbacks
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor

from torchheads.callbacks.base import is_fitting
from torchheads.errors import HeadConfigError


@final
class WeightAveraging(lightning_callbacks.WeightAveraging):
    """Lightning's ``WeightAveraging`` with an exponential mean that is right from the first steps on.

    Equation, after optimizer step n = 1, 2, ... with decay d::

        a_1 = w_1,    a_n = r a_{n-1} + (1 - r) w_n,    r = min(d, n / (n + 9))

    The rising r keeps the mean from dragging the untrained weights along: a plain d = 0.999 still holds 37 % of them
    after 1,000 steps. Running statistics of batch norm are averaged too; counters and flags are copied. Checkpoints
    hold the mean in ``state_dict``. Lightning's own class loads the *last step's* weights when a checkpoint is tested
    right after a fit; this one tests the mean.

    Args:
        decay: d in [0, 1); about 1 / (1 - d) steps count.

    Raises:
        HeadConfigError: code H13, when ``decay`` is not a number in [0, 1); H25, when a fit starts on weights that are
            shared out over ranks.

    Example:
        >>> WeightAveraging(decay=0.99).decay
        0.99

    Source: Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not isinstance(decay, int | float) or isinstance(decay, bool) or not 0 <= decay < 1:
            problem = f"weight_averaging.decay={decay!r}; allowed a number from 0 and below 1"
            raise HeadConfigError("H13", problem, "callbacks.weight_averaging.decay=0.999")
        super().__init__(multi_avg_fn=partial(update_mean, decay=float(decay)))
        self.decay = float(decay)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make room for the mean when a fit starts.

        Raises:
            HeadConfigError: code H25, for weights that are shared out: the mean would be whole on every rank.
        """
        if isinstance(trainer.strategy, ModelParallelStrategy):
            problem = "callbacks=weight_averaging with weights that are shared out over ranks (trainer=fsdp)"
            raise HeadConfigError("H25", problem, "trainer=ddp, or callbacks=default")
        with warnings.catch_warnings():  # of models that only `configure_model` builds; ours stands before
            warnings.filterwarnings("ignore", message=".*a model that overrides the configure_model")
            super().setup(trainer, pl_module, stage)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the mean in the place of the weights; outside a fit it is there already."""
        if is_fitting(trainer):
            super().on_validation_epoch_start(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the weights of the last step back."""
        if is_fitting(trainer):
            super().on_validation_epoch_end(trainer, pl_module)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restore weights and mean when a fit is resumed; for anything else the mean, already loaded, is right."""
        if is_fitting(trainer):
            super().on_load_checkpoint(trainer, pl_module, checkpoint)


@torch.no_grad()
def update_mean(averaged: list[Tensor], current: list[Tensor], updates: Tensor, decay: float) -> None:
    """Move the means of tensors of one dtype one step towards their current values, in place.

    Args:
        averaged: means so far, any shapes.
        current: values after this step, the same shapes; integers and flags are copied.
        updates: number of steps in the mean so far, shape (); stays on its device, so that nothing waits for it.
        decay: share of the old mean, in [0, 1), once enough steps have passed.
    """
    share = (1 - (updates + 1) / (updates + 10)).clamp(min=1 - decay)
    for mean, value in zip(averaged, current, strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, share.to(mean.dtype))
        else:
            mean.copy_(value)
