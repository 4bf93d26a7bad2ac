"""Bounds the length of the gradient before each optimizer step."""

from __future__ import annotations

import math
from typing import final

from lightning.pytorch import Callback, LightningModule, Trainer

from torchheads.errors import HeadConfigError


@final
class GradientClipping(Callback):
    """Lightning's gradient clipping as a callback, so that it is one option among the others.

    Equation, with g the gradient of all parameters as one vector and m the limit::

        g <- g min(1, m / |g|)

    The trainer applies it: after the gradients are unscaled (fp16), summed over ranks and corrected by the module.

    Args:
        max_norm: the limit m, > 0.

    Raises:
        HeadConfigError: code H13, for a limit out of range or a second one in ``Trainer(gradient_clip_val=)``.

    Example:
        >>> GradientClipping(max_norm=1.0).max_norm
        1.0

    Source: Pascanu et al. 2013, On the difficulty of training recurrent neural networks, algorithm 1.
    """

    def __init__(self, max_norm: float = 1.0) -> None:
        number = isinstance(max_norm, int | float) and not isinstance(max_norm, bool)
        if not number or not 0 < max_norm < math.inf:
            problem = f"gradient_clipping.max_norm={max_norm!r}; allowed a number above 0"
            raise HeadConfigError("H13", problem, "callbacks.gradient_clipping.max_norm=1.0")
        self.max_norm = float(max_norm)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Hand the limit to the trainer.

        A hook of this callback would come too early: the module's own hooks, which may still scale the gradient, run
        after those of all callbacks.

        Raises:
            HeadConfigError: code H13, when the trainer has another limit.
        """
        other, kind = trainer.gradient_clip_val, trainer.gradient_clip_algorithm
        if other not in (None, self.max_norm) or kind == "value":
            problem = f"gradients are clipped twice: to norm {self.max_norm} here, by trainer.gradient_clip_val={other}"
            raise HeadConfigError("H13", problem, "trainer.gradient_clip_val=null trainer.gradient_clip_algorithm=null")
        trainer.gradient_clip_val = self.max_norm
