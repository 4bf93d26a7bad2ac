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
from torchheads.errors import DataError
from torchheads.module import ClassificationModule
from torchheads.train import interruption, metric_table

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
    keys = "schema head label_type data classes seed samples skipped fitted val test test_default_decision seconds"
    assert set(results) == {*keys.split(), "watched", "peak_memory", "parameters", "checkpoint", "versions"}
    assert (results["head"], results["data"], results["seed"]) == (head, data, 0)
    assert set(results["val"]) == set(results["test"]) == set(results["test_default_decision"])
    assert set(results["seconds"]) == {"data", "fit", "decision", "test"}
    names = {"config.yaml", "checkpoints", "metrics.jsonl", "results.json", "per_class.csv", "predictions.npz"}
    assert names <= {path.name for path in folder.iterdir()}

    with np.load(folder / "predictions.npz") as saved:
        assert len(saved["index"]) == results["samples"]["test"]
        assert saved["logits"].shape == (results["samples"]["test"], 10)
        assert saved["scores"].shape == saved["logits"].shape
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


def test_a_run_without_a_test_never_looks_at_the_test_split(tmp_path: Path, capsys: Any) -> None:
    results = run(tmp_path / "run", "trainer=smoke", "test=false")
    assert not {"test", "test_default_decision"} & set(results)
    assert not (tmp_path / "run" / "predictions.npz").exists()
    assert f"{results['val']['accuracy']:.4f}" in capsys.readouterr().out
    assert "test/" not in (tmp_path / "run" / "metrics.jsonl").read_text()


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


@pytest.mark.parametrize("weights", ["best", "last"])
def test_a_run_ends_with_the_weights_asked_for(tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A second epoch at a learning rate that destroys the model: the first epoch is the best one.
    monkeypatch.setattr(
        "torchheads.optim.schedules.warmup_cosine_factor", lambda step, *rest: 1.0 if step < 18 else 1e4
    )
    run(tmp_path, "backbone=identity", "trainer.max_epochs=2", f"callbacks.best_checkpoint.weights={weights}")
    states = {
        name: torch.load(tmp_path / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"][
            "head.classifier.bias"
        ]
        for name in ("best", "last", "final")
    }
    assert not torch.equal(states["best"], states["last"])
    assert torch.equal(states["final"], states[weights])


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


def test_an_interrupted_run_goes_on_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    options = ["trainer.max_epochs=3", "data=digit_canvases", *TINY_CANVASES, "optimizer.lr=0.01"]
    run(tmp_path / "whole", *options)

    def stop(self: ClassificationModule, *_: Any) -> None:
        if self.trainer.global_step == 11:  # of 7 an epoch
            self.trainer.save_checkpoint(tmp_path / "midway.ckpt")
            raise DataError("D00", "the power failed")

    with monkeypatch.context() as patch:
        patch.setattr(ClassificationModule, "on_train_batch_end", stop, raising=False)
        with pytest.raises(SystemExit) as end:
            run(tmp_path / "part", *options)
    assert end.value.code == 1
    assert capsys.readouterr().err == "TH-D00: the power failed\n"

    last = tmp_path / "part" / "checkpoints" / "last.ckpt"
    weights = torch.load(tmp_path / "whole" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for name, checkpoint in (("midway", tmp_path / "midway.ckpt"), ("epoch", last)):
        run(tmp_path / name, *options, f"resume={checkpoint}")
        again = torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)
        assert again["global_step"] == 21
        assert all(torch.equal(again["state_dict"][key], weights[key]) for key in weights)
        logged = [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        assert {line["epoch"] for line in logged} == {1, 2, 3}  # 3: the validation after the last epoch

    with pytest.raises(SystemExit):
        run(tmp_path / "part", *options)
    assert f"TH-H16: {tmp_path}/part already holds" in (errors := capsys.readouterr().err)
    assert f"resume={last} carries that run on" in errors
    with pytest.raises(SystemExit):
        run(tmp_path / "other", *options, "optimizer.lr=0.02", f"resume={last}")
    assert "TH-K07" in capsys.readouterr().err


def test_a_rule_that_rejects_has_metrics_that_the_default_lacks(tmp_path: Path, capsys: Any) -> None:
    run(tmp_path / "run", "trainer=smoke", "decision=argmax", "decision.reject_below=0.9")
    assert "rejected" in capsys.readouterr().out
    with (tmp_path / "run" / "per_class.csv").open() as file:
        assert {row["threshold"] for row in csv.DictReader(file)} == {"0.9"}
    table = metric_table({"accuracy": 0.5, "rejected": 0.25}, {"accuracy": 0.5})
    assert [list(column.cells) for column in table.columns] == [
        ["accuracy", "rejected"],
        ["0.5000", "0.2500"],
        ["0.5000", ""],
    ]
    same = {"accuracy": 0.5, "f1": float("nan")}
    assert len(metric_table(same, dict(same)).columns) == 2


def test_samples_are_the_rows_tested(tmp_path: Path) -> None:
    results = run(tmp_path / "run", "trainer=smoke", "data.eval_batch_size=50")
    assert results["samples"] == {"train": 1149, "val": 144, "calibration": 144, "test": 100}
    with np.load(tmp_path / "run" / "predictions.npz") as saved:
        assert len(saved["index"]) == 100


def test_lbfgs_trains_the_default_backbone(tmp_path: Path) -> None:
    run(tmp_path / "run", "trainer=smoke", "optimizer=lbfgs", "optimizer.max_iter=2", "scheduler=constant")


def test_train_py_runs_as_written(tmp_path: Path) -> None:
    command = [sys.executable, "train.py", "head=sigmoid", "trainer=smoke", f"hydra.run.dir={tmp_path / 'run'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    assert "accuracy" in done.stdout
    assert f"Results: {tmp_path / 'run'}" in done.stdout
    assert done.stderr == ""


def test_digits_are_learned(tmp_path: Path) -> None:
    assert run(tmp_path / "run")["test"]["accuracy"] >= 0.97


@pytest.mark.parametrize(("end", "code"), [(SystemExit(1), 1), (SystemExit(), 143)])
@pytest.mark.parametrize("saved", [False, True])
def test_an_interrupted_fit_says_how_it_is_carried_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: SystemExit, code: int, saved: bool
) -> None:
    last = tmp_path / "last.ckpt"
    if saved:
        last.touch()
    with pytest.raises(SystemExit) as caught, interruption(last):
        raise end
    assert caught.value.code == code
    said = f"resume={last} carries it on" if saved else "nothing was saved yet"
    assert capsys.readouterr().err == f"Training was interrupted: {said}.\n"
