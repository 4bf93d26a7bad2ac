"""What a study says while it runs."""

from typing import Any

import pytest

from torchheads.compare_plan import Cell, Job
from torchheads.compare_progress import Progress, duration, in_words
from torchheads.compare_series import Outcome

RESULTS = {"watched": {"metric": "accuracy", "mode": "max"}, "val": {"accuracy": 0.5}, "test": {"accuracy": 0.4}}


@pytest.fixture
def job(tmp_path: Any) -> Job:
    return Job(Cell("digits", "softmax", (), tmp_path), "seed-0", {}, ())


def test_a_line_a_run_with_the_time_left(job: Job, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, 200.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    with Progress(7) as progress:
        progress.found(3)
        progress.report(job, Outcome(RESULTS), 9.7)
        progress.report(job, Outcome(None, "\x1b[31mTH-L01"), 3.2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 of 7 runs are there already"
    assert lines[1] == "4/7  digits softmax seed-0  test/accuracy 0.4000  10 s, 5 min left"
    assert lines[2].startswith("5/7  digits softmax seed-0  FAILED: ")
    assert "\x1b" not in lines[2]
    assert lines[2].endswith("3 s, 3 min left")


def test_a_trial_shows_its_validation() -> None:
    results = {key: value for key, value in RESULTS.items() if key != "test"}
    assert in_words(Outcome(results)) == "val/accuracy 0.5000"
    assert in_words(Outcome(results | {"val": {"accuracy": None}})) == "val/accuracy undefined"


def test_times_in_the_unit_one_would_say() -> None:
    assert [duration(seconds) for seconds in (0, 89, 91, 5399, 5401)] == ["0 s", "89 s", "2 min", "90 min", "1.5 h"]
