"""Evaluating and predicting from a checkpoint: any split, another decision, and outputs that cannot be written."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module

from torchheads.artifact import Rows
from torchheads.build import build_module
from torchheads.build_data import data_facts
from torchheads.config import check_config, instantiate
from torchheads.errors import CheckpointError, FitError, NonFiniteError
from torchheads.evaluate import evaluate
from torchheads.predict import check_numbers, predict

SIZES = ["data.train_size=40", "data.val_size=30", "data.calibration_size=20", "data.test_size=50"]


@pytest.fixture(autouse=True, scope="module")
def hydra() -> Iterator[None]:
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        yield


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Writes the checkpoint of a linear model on canvases, its weights random."""

    def write(*overrides: str, name: str = "final.ckpt") -> Path:
        known = ["decision=threshold"] if overrides == ("head=sigmoid",) else []  # ready to decide as it is
        config = check_config(
            compose("train", ["backbone=identity", "data=digit_canvases", *SIZES, *overrides, *known])
        )
        torch.manual_seed(0)
        module = build_module(config, data_facts(instantiate(config["data"])))
        torch.nn.init.normal_(module.head.classifier.weight, std=0.1)
        torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, tmp_path / name)
        return tmp_path / name

    return write


def config_of(name: str, *overrides: Any) -> Any:
    return compose(name, [str(override) for override in overrides])


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("split", "rows"), [("val", 30), ("test", 50), ("calibration", 20)])
def test_the_numbers_stand_under_the_name_of_the_split(
    split: str, rows: int, checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    path = checkpoint("head=sigmoid")
    record = evaluate(config_of("evaluate", f"checkpoint={path}", f"split={split}"), tmp_path)
    assert record == json.loads((tmp_path / "results.json").read_text())
    assert [key for key, value in record.items() if isinstance(value, dict)] == [split, f"{split}_default_decision"]
    assert (record["split"], record["samples"]) == (split, rows)
    assert "mean_average_precision" in record[split]


def test_samples_are_the_rows_tested(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    path = checkpoint("head=sigmoid", "data.eval_batch_size=16")
    limited = config_of("evaluate", f"checkpoint={path}", "trainer=smoke")
    assert evaluate(limited, tmp_path)["samples"] == 32


def test_another_threshold_gives_other_sets(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    path = checkpoint("head=sigmoid")
    counts = {}
    for value in (None, 0.1, 0.99):
        named = [] if value is None else ["decision=threshold", f"decision.value={value}"]
        rows = table(
            predict(config_of("predict", f"checkpoint={path}", *named, f"output={tmp_path}/{value}.csv"), tmp_path)
        )
        cut = 0.5 if value is None else value
        for row in rows:
            expected = [str(digit) for digit in range(10) if float(row[f"p({digit})"]) >= cut]
            assert row["predicted"] == ";".join(expected)
        counts[value] = sum(bool(row["predicted"]) for row in rows)
    assert counts[0.1] > counts[None] >= counts[0.99]
    by_threshold = [
        evaluate(config_of("evaluate", f"checkpoint={path}", "decision=threshold", f"decision.value={v}"), tmp_path)
        for v in (0.1, 0.5)
    ]
    low, half = (record["test"]["micro_f1"] for record in by_threshold)
    assert low != half
    assert by_threshold[1]["test_default_decision"]["micro_f1"] == half
    assert by_threshold[0]["test_default_decision"]["micro_f1"] == half


def test_a_checkpoint_before_its_decision_was_fitted_names_the_one_after(
    checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    path = checkpoint("head=softmax", name="best.ckpt")
    with pytest.raises(FitError, match=r"TH-F01: .*best\.ckpt was saved before its decision was fitted") as caught:
        predict(config_of("predict", f"checkpoint={path}"), tmp_path)
    assert caught.value.remedy.startswith(f"checkpoint={tmp_path}/final.ckpt, or decision=threshold")
    named = config_of("predict", f"checkpoint={path}", "decision=threshold", "decision.value=0.5")
    assert len(table(predict(named, tmp_path))) == 50


def test_nan_is_no_class_0(tmp_path: Path) -> None:
    config = check_config(compose("train", ["backbone=identity"]))
    module = build_module(config, data_facts(instantiate(config["data"])))
    module.head.classifier.bias.data[3] = torch.nan
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)
    with pytest.raises(NonFiniteError, match=r"TH-L01: .*a\.ckpt gives NaN logits for 360 of 360 rows, such as \[0, 1"):
        predict(config_of("predict", f"checkpoint={path}"), tmp_path)
    assert not (tmp_path / "predictions.csv").exists()


def test_minus_infinity_is_a_class_left_out() -> None:
    logits = torch.tensor([[0.0, -torch.inf], [1.0, 2.0]])
    check_numbers(Rows(torch.arange(2), logits, torch.zeros(2)), "a.ckpt")
    with pytest.raises(NonFiniteError, match=r"1 of 2 rows, such as \[1\]"):
        check_numbers(Rows(torch.arange(2), logits.index_fill(0, torch.tensor(1), torch.nan), torch.zeros(2)), "a.ckpt")


@pytest.mark.parametrize(("name", "command"), [("evaluate", evaluate), ("predict", predict)])
def test_an_output_gets_its_folder_or_is_refused_first(
    name: str, command: Any, checkpoint: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = checkpoint("head=sigmoid")
    command(config_of(name, f"checkpoint={path}", f"output={tmp_path}/new/deep/file"), tmp_path)
    assert (tmp_path / "new" / "deep" / "file").is_file()
    monkeypatch.setattr(f"torchheads.{name}.load_to_answer", lambda *_: pytest.fail("it was loaded before the check"))
    with pytest.raises(CheckpointError, match=r"TH-H17: .*/new cannot be written: it is a folder\. Try: output="):
        command(config_of(name, f"checkpoint={path}", f"output={tmp_path}/new"), tmp_path)


def test_predictions_are_those_of_the_logits(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    rows = table(predict(config_of("predict", f"checkpoint={checkpoint('head=sigmoid')}", "split=val"), tmp_path))
    assert [int(row["index"]) for row in rows] == list(range(30))
    assert np.isfinite([float(row["p(3)"]) for row in rows]).all()
