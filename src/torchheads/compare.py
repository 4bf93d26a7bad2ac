"""A study: heads on data sets, tuned alike, over several seeds, tested once, and what that says."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from torchheads.artifact import write_json
from torchheads.compare_launch import Launcher, ended, in_folder
from torchheads.compare_plan import cells_of, part_of, planned
from torchheads.compare_progress import Progress
from torchheads.compare_series import Outcome, Outcomes, Series
from torchheads.compare_text import say
from torchheads.config import check_other_command, check_targets, instantiate
from torchheads.config_values import is_whole
from torchheads.errors import HeadConfigError
from torchheads.make_report import FACTS, make_report
from torchheads.report.write import check_packages
from torchheads.study.base import check_level
from torchheads.study.runs import read_run
from torchheads.study.summary import summarise
from torchheads.tuning import Search


def compare(config: DictConfig, folder: Path) -> dict[str, Any] | None:
    """Run what is missing of a study; once nothing is, write its report.

    Args:
        config: as composed from ``configs/compare.yaml``.
        folder: of this command; the study has its own, ``config.folder``.

    Returns:
        What ``report/report.json`` holds; None while other parts of the study have runs to make.
    """
    plain = check_targets(config)
    search: Search | None = instantiate(plain["tuning"] or None)
    study, seeds = Path(plain["folder"]), check_seeds(plain["seeds"], search)
    check_level(plain["level"])
    every = [Series(cell, seeds, search) for cell in cells_of(plain, study)]
    mine = part_of(every, plain["part"], plain["parts"])
    check_lines(every)
    check_packages()
    with locked(mine):
        run(mine, plain["workers"], planned([each.cell for each in mine], seeds, search))
    outcomes = ended(every)
    missing = sum(job.folder not in outcomes for each in every for job in each.jobs(outcomes))
    if missing:
        print(f"Part {plain['part']} of {plain['parts']} is done; other parts have {missing} runs or more to make.")
        return None
    facts = {
        "heads": list(plain["study"]["heads"]),
        "data": list(plain["study"]["data"]),
        "cells": {f"{each.cell.data}/{each.cell.head}": facts_of(each, outcomes) for each in every},
        "how": {"command": command(), "config": OmegaConf.to_yaml(OmegaConf.create(plain))},
    }
    write_json(study / FACTS, facts)
    tested = (job.folder for each in every for job in each.jobs(outcomes) if is_tested(outcomes[job.folder]))
    runs = [read_run(found) for found in tested]
    summary = summarise(runs, facts, plain["level"], plain["resamples"])
    say(summary, make_report(runs, summary, study / "report"))
    return summary


def run(series: Sequence[Series], workers: int, total: int) -> None:
    """Make the runs of these cells that have not been made."""
    with Progress(total) as progress:
        launcher = Launcher(workers, progress.report)
        progress.found(sum(outcome.results is not None for outcome in ended(series).values()))
        launcher.run(series)


def check_seeds(seeds: Any, search: Search | None) -> list[int]:
    """The seeds of a study.

    Raises:
        HeadConfigError: code H40, for what is no list of different seeds, or has the one that options are chosen with.
    """
    whole = isinstance(seeds, list) and all(is_whole(seed, 0, 2**32 - 1) for seed in seeds)
    if not whole or not seeds or len(set(seeds)) < len(seeds):
        problem = f"seeds={seeds}; allowed different whole numbers from 0 to 4294967295, five or more are advised"
        raise HeadConfigError("H40", problem, "seeds=[0,1,2,3,4]")
    if search is not None and search.seed in seeds:
        problem = f"tuning.seed={search.seed} is one of the seeds that are compared, which chose its own options then"
        raise HeadConfigError("H40", problem, "tuning.seed=1000")
    return list(seeds)


def check_lines(series: Sequence[Series]) -> None:
    """Compose and check the first run of every cell, before any is started.

    Raises:
        TorchHeadsError: what is wrong with its command line.
    """
    check_other_command(
        "train", ([*each.jobs({})[0].overrides, in_folder(each.cell.folder / "new")] for each in series)
    )


@contextmanager
def locked(series: Sequence[Series]) -> Iterator[None]:
    """Keep a second command from running the same cells.

    Raises:
        HeadConfigError: code H43, when one does already.
    """
    with ExitStack() as held:
        for each in series:
            each.cell.folder.mkdir(parents=True, exist_ok=True)
            try:
                held.enter_context(FileLock(each.cell.folder / ".lock", timeout=0))
            except Timeout:
                problem = f"another command is running {each.cell} of this study"
                remedy = "parts=2 part=0 here and parts=2 part=1 there, or wait for it"
                raise HeadConfigError("H43", problem, remedy) from None
        yield


def is_tested(outcome: Outcome) -> bool:
    """Whether a run finished that looked at the test split: none that chose options."""
    return outcome.results is not None and "test" in outcome.results


def facts_of(series: Series, outcomes: Outcomes) -> dict[str, Any]:
    """What the report says of a cell beside its runs: its command line, its search and the runs that failed."""
    chosen = series.chosen(outcomes)
    jobs = series.jobs(outcomes)
    tried = [job for job in jobs if job.name.startswith("tune-")]
    trials = series.trials(outcomes)
    return {
        "options": list(series.cell.overrides),
        "tuned": dict(chosen or {}),
        "tuning": [
            {
                "options": dict(job.options),
                "value": trial.value,
                "error": outcomes[job.folder].error or None,
                "chosen": trial.options == chosen,
            }
            for job, trial in zip(tried, trials, strict=True)
        ],
        "failed": [
            {"seed": int(job.name.removeprefix("seed-")), "error": outcomes[job.folder].error}
            for job in jobs
            if job.name.startswith("seed-") and outcomes[job.folder].results is None
        ],
    }


def command() -> str:
    """The command line that makes the study again."""
    return shlex.join(["torchheads", "compare", *HydraConfig.get().overrides.task])
