"""Runs in processes: how many at a time, what is left of one that fails, and what an interrupted study finds again."""

import json
import sys
from pathlib import Path

import pytest

from torchheads.compare_launch import Launcher, ended, environment, in_folder, settle
from torchheads.compare_plan import Cell, Job
from torchheads.compare_series import Outcome, Series, failed_folder, unfinished_folder
from torchheads.errors import HeadConfigError
from torchheads.tuning import Grid

RESULTS = {
    "watched": {"metric": "accuracy", "mode": "max"},
    "val": {"accuracy": 0.5, "nll": 1.0},
    "test": {"accuracy": 0.4},
}

WORKER = """
import json, sys, time
folder, told, *overrides = sys.argv[1:]
open(told, "a").write("+")
time.sleep(0.15)
open(told, "a").write("-")
if "seed=1" in overrides:
    print("some words"); print("TH-L01: the loss is NaN"); sys.exit(1)
open(folder + "/results.json", "w").write(json.dumps(%r))
""" % (RESULTS,)  # noqa: UP031  # braces are Python here


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that gets a plus when a run begins and a minus when it ends; the runs themselves are a few lines."""
    path = tmp_path / "told"

    def quick(job: Job, folder: Path) -> list[str]:
        return [sys.executable, "-c", WORKER, str(folder), str(path), *job.overrides]

    monkeypatch.setattr("torchheads.compare_launch.worker_command", quick)
    return path


@pytest.fixture
def series(tmp_path: Path) -> list[Series]:
    cells = [Cell("digits", head, (f"head={head}",), tmp_path / "runs" / head) for head in ("softmax", "sigmoid")]
    return [Series(cell, [0, 1, 2], None) for cell in cells]


def launch(series: list[Series], workers: int = 2) -> dict[str, Outcome]:
    reported = {}
    Launcher(workers, lambda job, outcome, seconds: reported.update({str(job): outcome})).run(series)
    return reported


def test_never_more_at_a_time_than_workers_and_every_run_once(series: list[Series], told: Path) -> None:
    reported = launch(series)
    assert sorted(reported) == sorted(f"digits {h} seed-{s}" for h in ("softmax", "sigmoid") for s in range(3))
    running = [told.read_text()[: n + 1].count("+") - told.read_text()[: n + 1].count("-") for n in range(12)]
    assert max(running) == 2
    assert running[-1] == 0


def test_a_failed_run_is_kept_apart_with_its_last_words_and_stops_nothing(series: list[Series], told: Path) -> None:
    reported = launch(series)
    job = series[0].jobs({})[1]
    assert reported[str(job)] == Outcome(None, "TH-L01: the loss is NaN")
    assert not job.folder.exists()
    assert (failed_folder(job.folder) / "log.txt").read_text().startswith("some words")
    assert sum(outcome.results is not None for outcome in reported.values()) == 4
    assert ended(series)[job.folder] == reported[str(job)]


def test_finished_runs_are_not_repeated_and_failed_ones_are(series: list[Series], told: Path) -> None:
    launch(series)
    told.unlink()
    assert sorted(launch(series)) == ["digits sigmoid seed-1", "digits softmax seed-1"]
    assert told.read_text().count("+") == 2


def test_what_was_left_unfinished_is_begun_again(series: list[Series], told: Path) -> None:
    job = series[0].jobs({})[0]
    unfinished_folder(job.folder).mkdir(parents=True)
    (unfinished_folder(job.folder) / "results.json").write_text(json.dumps(RESULTS))  # killed before it had its name
    assert ended(series) == {}
    assert str(job) in launch(series)
    assert not unfinished_folder(job.folder).exists()
    assert json.loads((job.folder / "labels.json").read_text()) == job.labels


def test_a_study_goes_on_from_its_search(tmp_path: Path, told: Path) -> None:
    cell = Cell("digits", "softmax", ("head=softmax",), tmp_path / "runs")
    search = Grid({"optimizer.lr": [0.1, 0.2]})
    assert sorted(launch([Series(cell, [0], search)])) == [
        f"digits softmax {n}" for n in ("seed-0", "tune-0", "tune-1")
    ]
    assert list(launch([Series(cell, [0, 2], search)])) == ["digits softmax seed-2"]


def test_other_options_in_the_same_folder(series: list[Series], told: Path) -> None:
    launch(series)
    cell = series[0].cell
    changed = Series(cell._replace(overrides=("head=softmax", "head.prior=zero")), [0], None)
    with pytest.raises(HeadConfigError, match=r"TH-H42: .*seed-0 is a run of head=softmax seed=0; now asked for is "):
        ended([changed])


def test_a_run_that_says_nothing_fails_with_its_exit_code(series: list[Series]) -> None:
    job = series[0].jobs({})[0]
    folder = unfinished_folder(job.folder)
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("\n\n")
    assert settle(job, -9) == Outcome(None, "exit code -9")


def test_an_error_of_the_launcher_leaves_no_process_behind(series: list[Series], told: Path) -> None:
    def stumble(*_: object) -> None:
        raise RuntimeError("the disk is full")

    launcher = Launcher(2, stumble)
    with pytest.raises(RuntimeError, match="disk is full"):
        launcher.run(series)
    assert all(process.poll() is not None for _, process, _ in launcher.running.values())


def test_the_runs_share_the_cores_and_keep_their_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    chosen = environment(3)
    assert chosen["OMP_NUM_THREADS"] == "2"
    assert "PYTHONDONTWRITEBYTECODE" not in chosen
    assert chosen["PYTHONPYCACHEPREFIX"].endswith("torchheads-bytecode")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert environment(3)["OMP_NUM_THREADS"] == "5"


@pytest.mark.parametrize("name", ["a b", "it's", 'say "so"', "a,b=c", "back\\slash", "{x}[y]"])
def test_any_folder_can_be_typed(name: str, tmp_path: Path) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (parsed,) = OverridesParser.create().parse_overrides([in_folder(tmp_path / name)])
    assert parsed.value() == str(tmp_path / name)


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    import subprocess

    waiting = "import threading, time; from torchheads.compare_worker import leave_with_parent; "
    waiting += "threading.Thread(target=leave_with_parent, daemon=True).start(); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=10) == 3
