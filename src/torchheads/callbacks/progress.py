"""A moving bar on a terminal; one plain line per epoch everywhere else."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO, final

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

from torchheads.callbacks.base import parts


@final
class Progress(RichProgressBar):
    """Lightning's rich progress bar on a terminal, plain lines in log files, pipes, notebooks and CI.

    Both show the mean training loss and the watched metric of the epoch before, as plain numbers: Lightning's own bar
    reads the logged tensors after every batch, which makes an accelerator wait.

    Args:
        lines: plain lines of a whole fit, about; in longer fits only every so many epochs get one. The last always.

    Example:
        >>> Progress(lines=20).lines
        20
    """

    def __init__(self, lines: int = 20) -> None:
        super().__init__(refresh_rate=10)
        self.lines = lines
        self.latest: dict[str, float] = {}
        self.ended: int | None = None  # epoch whose line is still to be printed
        self.started = time.perf_counter()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose between bar and lines, now that standard output is the one of the run."""
        super().setup(trainer, pl_module, stage)
        if not wants_bar(sys.stdout, os.environ):
            self.disable()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock: of an epoch resumed midway there is no start."""
        self.started = time.perf_counter()
        super().on_train_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the epoch before: only now has everything been logged, the module's own epoch means included."""
        self.report(trainer, pl_module, last=False)
        self.started = time.perf_counter()
        super().on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember that there is an epoch to report."""
        super().on_train_epoch_end(trainer, pl_module)
        self.ended = trainer.current_epoch

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the last epoch; on a terminal too, where the bar is about to go."""
        self.report(trainer, pl_module, last=True)

    def report(self, trainer: Trainer, pl_module: LightningModule, last: bool) -> None:
        """Take in the metrics of the epoch that ended and print its line, if it is due."""
        if self.ended is None:
            return
        epoch, self.ended = self.ended, None
        logged = trainer.callback_metrics
        keys = ("train/loss", parts(pl_module).watched)
        self.latest = {key: float(logged[key]) for key in keys if key in logged}
        due = last or (self.is_disabled and line_due(epoch, trainer.max_epochs, self.lines))
        if due and trainer.is_global_zero:
            print(epoch_line(epoch, trainer.max_epochs, self.latest, time.perf_counter() - self.started), flush=True)

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """What stands beside the bar."""
        return dict(self.latest)


def wants_bar(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal that can redraw a line and that somebody watches."""
    return stream.isatty() and not environment.get("CI") and environment.get("TERM") not in ("dumb", "unknown")


def line_due(epoch: int, max_epochs: int | None, lines: int) -> bool:
    """Whether an epoch gets a line: about ``lines`` of them, evenly spread, and the first.

    An endless fit gets every epoch, then every second, fourth, ... each time ``lines`` have been printed.

    Example:
        >>> [epoch + 1 for epoch in range(100) if line_due(epoch, 100, 5)]
        [1, 20, 40, 60, 80, 100]
    """
    number = epoch + 1
    if max_epochs is None or max_epochs < 1:
        stride = 2 ** math.ceil(math.log2(max(number / lines, 1)))
    else:
        stride = math.ceil(max_epochs / lines)
    return epoch == 0 or number % stride == 0


def epoch_line(epoch: int, max_epochs: int | None, metrics: dict[str, Any], seconds: float) -> str:
    """The line of an epoch, counted from 1.

    Example:
        >>> epoch_line(2, 20, {"train/loss": 0.12345}, 1.52)
        'epoch  3/20  train/loss 0.1235  1.5 s'
    """
    total = str(max_epochs) if max_epochs is not None and max_epochs > 0 else ""
    place = f"epoch {epoch + 1:>{len(total)}}" + (f"/{total}" if total else "")
    values = [f"{name} {value:#.4g}" for name, value in metrics.items()]
    return "  ".join([place, *values, f"{seconds:.1f} s"])
