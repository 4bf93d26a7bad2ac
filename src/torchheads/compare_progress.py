"""What a study shows while it runs: a bar over its runs on a terminal, a line a run everywhere else."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Self, final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress

from torchheads.callbacks.progress import wants_bar
from torchheads.compare_plan import Job
from torchheads.compare_series import Outcome
from torchheads.terminal import printable


@final
class Progress:
    """How many runs of a study have ended, how the last ones came out, and how long the rest will take.

    Args:
        total: how many runs there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.ended = 0
        self.started_with = 0
        self.started = time.perf_counter()
        self.console = Console(highlight=False, soft_wrap=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("runs, {task.fields[left]}"))
        self.bar = RichProgress(*columns, console=self.console, disable=not wants_bar(sys.stdout, os.environ))
        self.task = self.bar.add_task("", total=total, left="starting")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def found(self, number: int) -> None:
        """Count runs that an earlier command finished."""
        self.ended = self.started_with = number
        self.bar.update(self.task, completed=number)
        if number:
            self.console.print(f"{number} of {self.total} runs are there already")

    def report(self, job: Job, outcome: Outcome, seconds: float) -> None:
        """Show a run that has just ended."""
        self.ended += 1
        done = self.ended - self.started_with
        left = duration((time.perf_counter() - self.started) / done * (self.total - self.ended))
        self.bar.update(self.task, completed=self.ended, left=f"{left} left")
        said = f"{job}  {in_words(outcome)}  {seconds:.0f} s"
        if self.bar.disable:
            said = f"{self.ended}/{self.total}  {said}, {left} left"
        self.console.print(said, markup=False)


def in_words(outcome: Outcome) -> str:
    """The watched metric of a run that finished, of the test where it was tested; or why it failed.

    Example:
        >>> in_words(Outcome(None, "TH-L01: NaN"))
        'FAILED: TH-L01: NaN'
    """
    if outcome.results is None:
        return f"FAILED: {printable(outcome.error)}"
    metric = outcome.results["watched"]["metric"]
    split = "test" if "test" in outcome.results else "val"
    value = outcome.results[split].get(metric)
    return f"{split}/{metric} {'undefined' if value is None else f'{value:.4f}'}"


def duration(seconds: float) -> str:
    """Seconds in the unit one would say.

    Example:
        >>> duration(40), duration(130), duration(8000)
        ('40 s', '2 min', '2.2 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
