"""Studies from the command line: to the end, killed and continued, in parts, and refused before anything starts."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from torchheads.cli import main

SMOKE = ["study=digits", 'study.options=["trainer=smoke"]', "seeds=[0,1]", "resamples=99"]
GRID = "tuning.options={optimizer.lr:[0.001,0.01]}"


def compare(folder: Path, *options: str) -> Any:
    main(["compare", *SMOKE, f"folder={folder}", *options])
    path = folder / "report" / "report.json"
    return json.loads(path.read_text()) if path.is_file() else None


def without_times(report: Any) -> Any:
    """A report without what no two runs share: wall times, memory and the folder in the command."""
    if isinstance(report, dict):
        dropped = {"seconds", "peak_memory", "command", "config"}
        return {key: without_times(value) for key, value in report.items() if key not in dropped}
    return [without_times(value) for value in report] if isinstance(report, list) else report


def test_a_study_to_its_end_and_again(tmp_path: Path, capsys: Any) -> None:
    report = compare(tmp_path, "tuning=none")
    said = capsys.readouterr().out
    assert "4/4  digits sigmoid seed-" in said
    assert "verdict" in said
    assert f"Report: {tmp_path}" in said.replace("\n", "")
    (digits,) = report["data"]
    assert digits["seeds"] == [0, 1]
    assert digits["heads"]["sigmoid"]["options"] == ["trainer=smoke", "data=digits", "head=sigmoid"]
    assert report["how"]["command"].startswith("torchheads compare study=digits")
    assert {path.name for path in (tmp_path / "report").iterdir()} >= {"report.html", "report.md", "report.csv"}

    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("results.json")}
    again = compare(tmp_path, "tuning=none")
    assert "4 of 4 runs are there already" in capsys.readouterr().out
    fewer = compare(tmp_path, "tuning=none", "seeds=[1]")  # of what is there, what belongs to the study
    assert fewer["how"]["seeds"] == fewer["data"][0]["seeds"] == [1]
    assert again["data"] == report["data"]
    assert written == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("results.json")}

    with pytest.raises(SystemExit):
        compare(tmp_path, "tuning=none", 'study.options=["trainer=smoke","optimizer.lr=0.1"]')
    assert "TH-H42" in capsys.readouterr().err


def test_a_run_that_fails_is_shown_and_stops_nothing(tmp_path: Path, capsys: Any) -> None:
    wrong = '["head=softmax","loss=cross_entropy","loss.class_weight=[1,2]"]'
    report = compare(tmp_path, "tuning=none", f"+study.heads.wrong={wrong}", "study.heads.sigmoid=null")
    assert "FAILED: TH-" in capsys.readouterr().out
    wrong = report["data"][0]["heads"]["wrong"]
    assert [entry["seed"] for entry in wrong["failed"]] == [0, 1]
    assert "TH-" in wrong["failed"][0]["error"]
    assert "TH-" in (tmp_path / "report" / "report.md").read_text()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["seeds=[0,0]"], "TH-H40: seeds=[0, 0]"),
        (["seeds=[]"], "TH-H40: seeds=[]"),
        (["seeds=[1000]"], "TH-H40: tuning.seed=1000 is one of the seeds"),
        (["parts=2", "part=2"], "TH-H40: part=2 of parts=2"),
        (["workers=0"], "TH-H13: workers=0"),
        (["resamples=5"], "TH-H13: resamples=5"),
        (["level=1.5"], "TH-P05: level=1.5"),
        (["tuning.options={optimizer.lr:[]}"], "TH-H41"),
        (['study.heads.softmax=["head=sofmax"]'], "TH-H04"),
        (['study.data.digits=["data=digits","data.batch_size=0"]'], "TH-D11"),
        (["tuning.options={optimizer.learning:[1]}"], "TH-H05"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(
    options: list[str], code: str, tmp_path: Path, capsys: Any
) -> None:
    with pytest.raises(SystemExit):
        compare(tmp_path, *options)
    assert code in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_two_commands_do_not_run_the_same_part(tmp_path: Path, capsys: Any) -> None:
    from filelock import FileLock

    cell = tmp_path / "runs" / "digits" / "sigmoid"
    cell.mkdir(parents=True)
    with FileLock(cell / ".lock"), pytest.raises(SystemExit):
        compare(tmp_path)
    assert "TH-H43: another command is running digits sigmoid of this study" in capsys.readouterr().err


def killed_after(seconds: float, folder: Path) -> bool:
    """Start the study, kill it with all it started after some seconds; whether it was killed before it ended."""
    command = [sys.executable, "-m", "torchheads.cli", "compare", *SMOKE, GRID, f"folder={folder}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


@pytest.mark.nightly
@pytest.mark.skipif("'nightly' not in config.option.markexpr", reason="takes half an hour: pytest -m nightly")
@pytest.mark.timeout(3000)
def test_a_study_killed_at_twenty_moments_ends_with_the_same_report(tmp_path: Path) -> None:
    undisturbed = compare(tmp_path / "undisturbed", GRID)
    moments = random.Random(int(os.environ.get("KILL_SEED", "0")))
    kills = 0
    for number in range(60):
        if kills == 20:
            break
        kills += killed_after(moments.uniform(3, 25), tmp_path / f"killed-{number // 3}")
    assert kills == 20
    for folder in tmp_path.glob("killed-*"):
        assert without_times(compare(folder, GRID)) == without_times(undisturbed)
