"""Run the jobs of a study, a few processes at a time; a folder is renamed to its name when its run is finished."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

from torchheads.artifact import write_json, write_text
from torchheads.compare_plan import Job
from torchheads.compare_series import Outcome, Series, failed_folder, read_outcome, unfinished_folder
from torchheads.errors import HeadConfigError
from torchheads.study.runs import LABELS

POLL = 0.05
"""Seconds between two looks at the running processes."""

Report = Callable[[Job, Outcome, float], None]
"""Told of every run that has just ended: how, and after how many seconds."""


@final
class Launcher:
    """Processes on this machine, at most ``workers`` at a time.

    Args:
        workers: how many runs at a time.
        report: told of every run that ends.
    """

    def __init__(self, workers: int, report: Report) -> None:
        self.workers = workers
        self.report = report
        self.running: dict[Path, tuple[Job, subprocess.Popen[bytes], float]] = {}
        self.outcomes: dict[Path, Outcome] = {}
        self.environment = environment(workers)

    def run(self, series: Sequence[Series]) -> None:
        """Run everything that has not ended yet; what failed in an earlier command is started again."""
        for each in series:
            clean(each)
        self.outcomes = ended(series)
        try:
            while True:
                waiting = [job for each in series for job in each.jobs(self.outcomes) if self._is_new(job)]
                for job in waiting[: self.workers - len(self.running)]:
                    self._start(job)
                if not self.running:
                    return
                time.sleep(POLL)
                self._collect()
        finally:
            for _, process, _ in self.running.values():
                process.kill()
                close(process)

    def _is_new(self, job: Job) -> bool:
        return job.folder not in self.outcomes and job.folder not in self.running

    def _start(self, job: Job) -> None:
        folder = unfinished_folder(job.folder)
        folder.mkdir(parents=True)
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                worker_command(job, folder),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )
        self.running[job.folder] = job, process, time.perf_counter()

    def _collect(self) -> None:
        """Take the processes that have ended out of those running."""
        over = [folder for folder, (_, process, _) in self.running.items() if process.poll() is not None]
        for folder in over:
            job, process, started = self.running.pop(folder)
            close(process)
            self.outcomes[folder] = settle(job, process.returncode)
            self.report(job, self.outcomes[folder], time.perf_counter() - started)


def close(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that ends, and close the input whose end would have told it to."""
    process.wait()
    if process.stdin:
        process.stdin.close()


def worker_command(job: Job, folder: Path) -> list[str]:
    """What a run's process is started with."""
    return [sys.executable, "-m", "torchheads.compare_worker", "train", *job.overrides, in_folder(folder)]


def settle(job: Job, code: int) -> Outcome:
    """Give the folder of a run that has ended its name."""
    folder = unfinished_folder(job.folder)
    if code == 0 and (folder / "results.json").is_file():
        write_json(folder / LABELS, job.labels)
        os.replace(folder, job.folder)
        return read_outcome(job.folder) or Outcome(None, "no results")
    said = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").split("\n")
    error = next((line.strip() for line in reversed(said) if line.strip()), "") or f"exit code {code}"
    write_text(folder / "error.txt", error)
    os.replace(folder, failed_folder(job.folder))
    return Outcome(None, error)


def ended(series: Sequence[Series]) -> dict[Path, Outcome]:
    """How the runs came out that have ended, by their folders, as the disk has it.

    Raises:
        HeadConfigError: code H42, where a run had other options than it would have now.
    """
    outcomes: dict[Path, Outcome] = {}
    while True:
        jobs = [job for each in series for job in each.jobs(outcomes) if job.folder not in outcomes]
        found = {job.folder: end for job in jobs if (end := outcome_of(job)) is not None}
        if not found:
            return outcomes
        outcomes |= found


def outcome_of(job: Job) -> Outcome | None:
    """How a run came out, None if it has not ended.

    Raises:
        HeadConfigError: code H42, where it had other options.
    """
    if not job.folder.is_dir():
        return read_outcome(job.folder)
    labels = json.loads((job.folder / LABELS).read_text(encoding="utf-8"))
    if labels["overrides"] != list(job.overrides):
        problem = (
            f"{job.folder} is a run of {' '.join(labels['overrides'])}; now asked for is {' '.join(job.overrides)}"
        )
        raise HeadConfigError("H42", problem, "folder=<a new folder>, or the options that the study began with")
    return read_outcome(job.folder)


def clean(series: Series) -> None:
    """Remove what was left unfinished in a cell, or failed."""
    for pattern in ("*.unfinished", "*.failed"):
        for folder in series.cell.folder.glob(pattern):
            shutil.rmtree(folder)


def in_folder(folder: Path) -> str:
    """The option of Hydra that names a run's folder, whatever letters are in it.

    Example:
        >>> print(in_folder(Path("it's/here")))
        hydra.run.dir='it\\'s/here'
    """
    return "hydra.run.dir='" + str(folder).replace("'", "\\'") + "'"


def environment(workers: int) -> dict[str, str]:
    """The environment of the runs: the cores shared among them, and compiled imports kept from run to run."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    chosen = {"OMP_NUM_THREADS": str(threads), **os.environ}
    if chosen.pop("PYTHONDONTWRITEBYTECODE", None):
        chosen.setdefault("PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir()) / "torchheads-bytecode"))
    return chosen
