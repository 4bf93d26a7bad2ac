"""Whole runs from the command line: what a run's folder holds, and that a checkpoint answers as the run did."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from torchheads.build import load_module
from torchheads.cli import main

ROOT = Path(__file__).parent.parent
TINY_CANVASES = ["data.train_size=400", "data.val_size=60", "data.calibration_size=60", "data.test_size=80"]
SINGLE_KEYS = ["accuracy", "top5_accuracy", "balanced_accuracy", "macro_f1", "macro_auroc", "nll", "brier", "ece"]


def run(folder: Path, *options: str, command: str = "train") -> Any:
    main([command, *options, f"hydra.run.dir={folder}"])
    return json.loads((folder / "results.json").read_text()) if command != "predict" else None


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
@pytest.mark.parametrize(("data", "options"), [("digits", []), ("digit_canvases", TINY_CANVASES)])
def test_a_run_leaves_everything_it_promises(
    head: str, data: str, options: list[str], tmp_path: Path, capsys: Any
) -> None:
    folder = tmp_path / "run"
    results = run(folder, f"head={head}", f"data={data}", *options, "trainer.max_epochs=1")
    assert str(folder) in capsys.readouterr().out.replace("\n", "")
    keys = (
        "schema head label_type data seed samples val test test_default_decision seconds parameters checkpoint versions"
    )
    assert set(results) == set(keys.split())
    assert (results["head"], results["data"], results["seed"]) == (head, data, 0)
    assert set(results["val"]) == set(results["test"]) == set(results["test_default_decision"])
    assert set(results["seconds"]) == {"fit", "test"}
    names = {"config.yaml", "checkpoints", "metrics.jsonl", "results.json", "per_class.csv", "predictions.npz"}
    assert names <= {path.name for path in folder.iterdir()}

    with np.load(folder / "predictions.npz") as saved:
        assert len(saved["index"]) == results["samples"]["test"]
        assert saved["logits"].shape == (results["samples"]["test"], 10)
        assert saved["predictions"].dtype == (np.int64 if data == "digits" else np.bool_)
    with (folder / "per_class.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [str(digit) for digit in range(10)]
    assert all(bool(row["threshold"]) == (data != "digits") for row in rows)
    logged = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert any("train/loss" in line for line in logged)

    module = load_module(folder / results["checkpoint"])
    assert module.head.decision.fitted
    assert type(module.head).__name__.lower() == f"{head}head"


def test_single_label_keys_come_in_their_order(tmp_path: Path) -> None:
    assert list(run(tmp_path / "run", "trainer=smoke")["test"]) == SINGLE_KEYS


def test_a_checkpoint_answers_as_the_run_did(tmp_path: Path) -> None:
    options = ["head=softmax", "data=digit_canvases", *TINY_CANVASES, "trainer.max_epochs=1"]
    trained = run(tmp_path / "run", *options)
    checkpoint = f"checkpoint={tmp_path / 'run' / trained['checkpoint']}"
    again = run(tmp_path / "again", checkpoint, command="evaluate")
    assert again["test"] == pytest.approx(trained["test"], nan_ok=True, abs=1e-9)

    run(tmp_path / "predictions", checkpoint, command="predict")
    with (tmp_path / "predictions" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    with np.load(tmp_path / "run" / "predictions.npz") as saved:
        sets = [";".join(str(digit) for digit in row.nonzero()[0]) for row in saved["predictions"]]
    assert [row["predicted"] for row in rows] == sets


def test_backbones_start_from_the_same_bits_whatever_the_head(tmp_path: Path) -> None:
    weights = []
    for head in ("softmax", "sigmoid"):
        run(tmp_path / head, f"head={head}", "trainer=smoke", "optimizer.lr=1e-30", "optimizer.weight_decay=0")
        module = load_module(tmp_path / head / "checkpoints" / "final.ckpt")
        weights.append(torch.cat([parameter.detach().flatten() for parameter in module.backbone.parameters()]))
    assert torch.equal(*weights)


def test_same_seed_same_bits_other_seed_other_bits(tmp_path: Path) -> None:
    seeds = {"first": 0, "again": 0, "other": 1}
    first, again, other = (
        run(tmp_path / name, "trainer=smoke", f"seed={seed}")["test"] for name, seed in seeds.items()
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "TH-K01"), (b"no checkpoint at all", "TH-K01"), (None, "TH-K01.*there is no file")],
)
def test_what_is_no_checkpoint_is_said_in_one_line(
    content: bytes | None, message: str, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "a.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit):
        run(tmp_path / "out", f"checkpoint={path}", command="evaluate")
    errors = capsys.readouterr().err
    assert re.search(message, errors)
    assert "Traceback" not in errors


def test_train_py_runs_as_written(tmp_path: Path) -> None:
    command = [sys.executable, "train.py", "head=sigmoid", "trainer=smoke", f"hydra.run.dir={tmp_path / 'run'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    assert "accuracy" in done.stdout
    assert f"Results: {tmp_path / 'run'}" in done.stdout
    assert done.stderr == ""


def test_digits_are_learned(tmp_path: Path) -> None:
    assert run(tmp_path / "run")["test"]["accuracy"] >= 0.97
