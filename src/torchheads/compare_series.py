"""The runs of one head on one data set, in their order: what can be started now, given what has come out so far."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, final

from torchheads.compare_plan import Cell, Job, seed_job, tuning_job
from torchheads.tuning import Search, Trial
from torchheads.tuning.base import Options, best_trial


@final
class Outcome(NamedTuple):
    """How a run ended.

    Attributes:
        results: what ``results.json`` holds; None for a run that failed.
        error: the last line it printed; empty for a run that finished.
    """

    results: dict[str, Any] | None
    error: str = ""


Outcomes = Mapping[Path, Outcome]
"""How the runs that have ended came out, by their folders."""


@final
class Series:
    """A cell's search and its seeds, as a function of the outcomes.

    Args:
        cell: the head and the data set.
        seeds: of the runs that are compared.
        search: for the options of those runs; None where there is none.
    """

    def __init__(self, cell: Cell, seeds: Sequence[int], search: Search | None) -> None:
        self.cell = cell
        self.seeds = tuple(seeds)
        self.search = search

    def jobs(self, outcomes: Outcomes) -> list[Job]:
        """Every run that can be known by now, in the order they are started in, those that have ended included."""
        tried, trials, complete = self._tuning(outcomes)
        if not complete:
            return tried
        best = best_trial(trials)
        if self.search is not None and best is None:
            return tried  # nothing to train with
        options = best.options if best else {}
        return tried + [seed_job(self.cell, seed, options) for seed in self.seeds]

    def trials(self, outcomes: Outcomes) -> list[Trial]:
        """The trials of the search that have ended."""
        return self._tuning(outcomes)[1]

    def chosen(self, outcomes: Outcomes) -> Options | None:
        """The options found best; none to be found give an empty dict, and None is a search that failed or goes on."""
        _, trials, complete = self._tuning(outcomes)
        if self.search is None:
            return {}
        best = best_trial(trials) if complete else None
        return best.options if best else None

    def _tuning(self, outcomes: Outcomes) -> tuple[list[Job], list[Trial], bool]:
        """The jobs of the search, the trials from the first on that have ended, and whether it is over."""
        if self.search is None:
            return [], [], True
        jobs: list[Job] = []
        trials: list[Trial] = []
        while options := self.search.proposals(trials):
            numbers = range(len(trials), len(trials) + len(options))
            new = [tuning_job(self.cell, n, tried, self.search.seed) for n, tried in zip(numbers, options, strict=True)]
            jobs += new
            ended = [job for job in new if job.folder in outcomes]
            if len(ended) < len(new):
                known = [trial_of(job, outcomes[job.folder]) for job in ended]
                return jobs, trials + known, False
            trials += [trial_of(job, outcomes[job.folder]) for job in new]
        return jobs, trials, True


def trial_of(job: Job, outcome: Outcome) -> Trial:
    """What a search learns from a run: the watched metric of validation, turned so that higher is better."""
    if outcome.results is None:
        return Trial(job.options, None)
    watched, values = outcome.results["watched"], outcome.results["val"]
    value, nll = values.get(watched["metric"]), values.get("nll")
    if value is None:  # undefined: not a single positive
        return Trial(job.options, None)
    return Trial(job.options, value if watched["mode"] == "max" else -value, float("inf") if nll is None else nll)


def read_outcome(folder: Path) -> Outcome | None:
    """How a run ended that has a folder; None for one that has not ended."""
    results, failed = folder / "results.json", failed_folder(folder) / "error.txt"
    if results.is_file():
        return Outcome(json.loads(results.read_text(encoding="utf-8")))
    return Outcome(None, failed.read_text(encoding="utf-8")) if failed.is_file() else None


def failed_folder(folder: Path) -> Path:
    """Where a run is kept that failed."""
    return folder.with_name(f"{folder.name}.failed")


def unfinished_folder(folder: Path) -> Path:
    """Where a run works until it is finished."""
    return folder.with_name(f"{folder.name}.unfinished")
