"""A cell as a function of its outcomes: what runs next, what was chosen, and what a failure stops."""

import json
from pathlib import Path

import pytest

from torchheads.compare_plan import Cell
from torchheads.compare_series import Outcome, Series, failed_folder, read_outcome, trial_of
from torchheads.tuning import Grid, OptunaSearch

GRID = Grid({"optimizer.lr": [0.1, 0.01]})


def finished(value: float | None, nll: float = 1.0, mode: str = "max") -> Outcome:
    return Outcome({"watched": {"metric": "accuracy", "mode": mode}, "val": {"accuracy": value, "nll": nll}})


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return Cell("digits", "softmax", ("data=digits",), tmp_path)


def names(series: Series, outcomes: dict[Path, Outcome]) -> list[str]:
    return [job.name for job in series.jobs(outcomes)]


def test_the_seeds_wait_for_the_search(cell: Cell) -> None:
    series = Series(cell, [0, 1], GRID)
    assert names(series, {}) == ["tune-0", "tune-1"]
    outcomes = {cell.folder / "tune-1": finished(0.8)}
    assert names(series, outcomes) == ["tune-0", "tune-1"]
    assert series.chosen(outcomes) is None
    outcomes |= {cell.folder / "tune-0": finished(0.7)}
    assert names(series, outcomes) == ["tune-0", "tune-1", "seed-0", "seed-1"]
    assert series.chosen(outcomes) == {"optimizer.lr": 0.01}
    assert "optimizer.lr=0.01" in series.jobs(outcomes)[-1].overrides


def test_without_a_search_the_seeds_run_at_once(cell: Cell) -> None:
    series = Series(cell, [3], None)
    assert names(series, {}) == ["seed-3"]
    assert series.chosen({}) == {}


def test_a_trial_that_failed_is_not_chosen_and_if_all_fail_nothing_is_trained(cell: Cell) -> None:
    series = Series(cell, [0], GRID)
    outcomes = {cell.folder / "tune-0": Outcome(None, "TH-L01"), cell.folder / "tune-1": finished(0.1)}
    assert series.chosen(outcomes) == {"optimizer.lr": 0.01}
    outcomes[cell.folder / "tune-1"] = Outcome(None, "TH-L01")
    assert names(series, outcomes) == ["tune-0", "tune-1"]
    assert series.chosen(outcomes) is None


def test_a_search_of_one_trial_after_the_other(cell: Cell) -> None:
    series, outcomes = Series(cell, [0], OptunaSearch({"optimizer.lr": [0.01, 0.1]}, trials=3)), {}
    for number in range(3):
        assert names(series, outcomes) == [f"tune-{n}" for n in range(number + 1)]
        outcomes[cell.folder / f"tune-{number}"] = finished(number / 10)
    jobs = series.jobs(outcomes)
    assert [job.name for job in jobs] == ["tune-0", "tune-1", "tune-2", "seed-0"]
    assert jobs[-1].options == jobs[2].options


def test_a_metric_to_be_low_is_turned_round(cell: Cell) -> None:
    job = Series(cell, [0], GRID).jobs({})[0]
    assert trial_of(job, finished(0.3, 0.5)) == (job.options, 0.3, 0.5)
    assert trial_of(job, finished(0.3, 0.5, "min")) == (job.options, -0.3, 0.5)
    assert trial_of(job, finished(None)).value is None


def test_outcomes_are_read_from_folders(tmp_path: Path) -> None:
    assert read_outcome(tmp_path / "seed-0") is None
    folder = failed_folder(tmp_path / "seed-0")
    folder.mkdir()
    (folder / "error.txt").write_text("TH-D01: no rows")
    assert read_outcome(tmp_path / "seed-0") == Outcome(None, "TH-D01: no rows")
    (tmp_path / "seed-1").mkdir()
    (tmp_path / "seed-1" / "results.json").write_text(json.dumps({"val": {}}))
    assert read_outcome(tmp_path / "seed-1") == Outcome({"val": {}})
