"""The suite of GPU measurements: its pieces, what it repeats and what not, and the text it leaves."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
SUITE = SCRIPTS / "gpu_suite.sh"
PIECES = ["head_step", "cifar_training", "imagenet_training", "imagenet_training_multi", "peak_memory"]
PIECES += ["large_heads_128k", "large_heads_1m", "tests_on_cuda"]

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="a bash script")


@pytest.fixture(scope="module")
def results():
    specification = importlib.util.spec_from_file_location("gpu_results", SCRIPTS / "gpu_results.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def suite(*words, **settings):
    kept = {name: value for name, value in os.environ.items() if name not in ("SMOKE", "OUT", "WHEELS", "LIMIT")}
    environment = kept | {"OMP_NUM_THREADS": "1"} | {name: str(value) for name, value in settings.items()}
    command = ["bash", str(SUITE), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment, check=False)


def test_the_script_is_sound_and_lists_its_pieces():
    checked = subprocess.run(["bash", "-n", str(SUITE)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert os.access(SUITE, os.X_OK)
    assert suite("--list").stdout.split() == PIECES
    for piece in PIECES:
        assert f"\n{piece}() {{" in SUITE.read_text(encoding="utf-8")
    assert "scripts/gpu_suite.sh --list" in suite("--help").stdout


def test_an_unknown_piece_is_named_before_anything_runs():
    done = suite("head_step", "head_stop", PYTHON="false")
    assert done.returncode == 2
    assert "no piece head_stop; allowed: head_step" in done.stderr


def test_pieces_with_a_result_are_not_repeated_and_failures_are_named(tmp_path):
    for piece in PIECES[1:]:
        (tmp_path / f"{piece}.json").write_text("{}")
    done = suite(OUT=tmp_path, PYTHON="false")
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if "done before" not in line] == ["== head_step"]
    assert "without a result: head_step" in done.stderr
    assert suite(*PIECES[1:], OUT=tmp_path, PYTHON="false").returncode == 0


def test_a_piece_that_takes_too_long_is_ended(tmp_path):
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    done = suite("head_step", OUT=tmp_path, PYTHON=slow, LIMIT=1)
    assert done.returncode == 1
    assert "head_step: failed, or took more than 1 s" in done.stderr
    assert not list(tmp_path.glob("head_step.*"))


def test_a_piece_runs_from_a_bare_checkout_and_leaves_text(tmp_path):
    done = suite("head_step", OUT=tmp_path, PYTHON=sys.executable, SMOKE=1)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "head_step.json").read_text())
    assert [(row["head"], row["contender"]) for row in record["records"]] == [
        ("softmax", "bare"), ("softmax", "torchheads"), ("sigmoid", "bare"), ("sigmoid", "torchheads"),
    ]  # fmt: skip
    assert {"torch", "torchvision", "lightning"} <= set(record["versions"])
    text = (tmp_path / "head_step.md").read_text()
    assert record["card"] in text
    assert record["date"] in text
    assert "| softmax | bare |" in text


def test_the_table_says_once_what_all_rows_share(results):
    rows = [{"head": "softmax", "batch": 8, "s": 0.123456}, {"head": "sigmoid", "batch": 8, "s": 12345.6, "x": 1}]
    assert results.table(rows) == [
        "batch=8",
        "",
        "| head | s | x |",
        "| --- | --- | --- |",
        "| softmax | 0.1235 | - |",
        "| sigmoid | 12,346 | 1 |",
    ]


def test_a_test_report_is_counted_by_file(results, tmp_path):
    report = tmp_path / "raw.xml"
    cases = [("a", ""), ("a", "<failure/>"), ("b", "<skipped/>")]
    lines = [f"<testcase classname='{file}'>{outcome}</testcase>" for file, outcome in cases]
    report.write_text(f"<testsuites><testsuite>{''.join(lines)}</testsuite></testsuites>")
    assert results.read_records(report) == [
        {"file": "a", "passed": 1, "failure": 1, "error": 0, "skipped": 0},
        {"file": "b", "passed": 0, "failure": 0, "error": 0, "skipped": 1},
    ]
    assert results.slug("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"
