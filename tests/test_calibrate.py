"""Fitting a checkpoint's parts afterwards: on rows that training has not seen, and on no others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from torchheads.build import load_module
from torchheads.cli import main

SIZES = ["data.train_size=60", "data.val_size=30", "data.calibration_size=40", "data.test_size=50"]
RUN = ["data=digit_canvases", *SIZES, "backbone=identity", "head=sigmoid", "trainer.max_epochs=1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: Any) -> Path:
    """A run that decides by 0.5."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    main(["train", *RUN, "decision=threshold", f"hydra.run.dir={folder}"])
    return folder / "checkpoints" / "final.ckpt"


@pytest.fixture
def calibrate(run: Path, tmp_path: Path) -> Callable[..., Path]:
    def command(*options: str) -> Path:
        main(["calibrate", f"checkpoint={run}", *options, f"hydra.run.dir={tmp_path / 'fit'}"])
        return tmp_path / "fit" / "fitted.ckpt"

    return command


def test_the_parts_named_are_fitted_and_saved(calibrate: Callable[..., Path], run: Path, capsys: Any) -> None:
    path = calibrate("decision=fitted_threshold", "calibration=temperature", "guarantee=false_negative_rate")
    out = capsys.readouterr().out
    assert "Fitted on 40 calibration rows" in out
    assert "calibrator: Temperature" in out
    before, after = load_module(run), load_module(path)
    assert after.head.fitted
    assert type(before.head.decision).__name__ == "Threshold"
    for name, weight in before.head.classifier.state_dict().items():
        assert torch.equal(after.head.classifier.state_dict()[name], weight)
    logits = torch.randn(5, 10)
    assert after.head.prediction_set(logits).shape == (5, 10)
    assert not torch.equal(after.head.scores(logits), logits)


def test_what_was_fitted_is_what_the_split_says(calibrate: Callable[..., Path], run: Path, tmp_path: Path) -> None:
    path = calibrate("decision=fitted_threshold", "decision.scope=global", "split=val")
    main(["predict", f"checkpoint={run}", "split=val", f"hydra.run.dir={tmp_path / 'predict'}"])
    rows = np.genfromtxt(tmp_path / "predict" / "predictions.csv", delimiter=",", names=True, dtype=None, encoding=None)
    probabilities = np.array([[row[f"p{digit}"] for digit in range(10)] for row in rows])
    cut = load_module(path).head.decision.cut[0].sigmoid().item()
    nearest = np.abs(probabilities - cut).min()
    assert nearest > 0
    assert (probabilities >= cut).any()
    assert (probabilities < cut).any()


def test_without_a_word_the_checkpoints_own_parts_are_fitted_anew(calibrate: Callable[..., Path]) -> None:
    assert type(load_module(calibrate()).head.decision).__name__ == "Threshold"  # which has nothing to learn


@pytest.mark.parametrize(("split", "code"), [("test", "Z01"), ("train", "Z03")])
def test_splits_that_nothing_may_be_fitted_on(
    split: str, code: str, calibrate: Callable[..., Path], capsys: Any
) -> None:
    with pytest.raises(SystemExit):
        calibrate(f"split={split}")
    assert f"TH-{code}: split={split}: " in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:TH-W05")
def test_rows_that_the_model_was_trained_on_are_found(tmp_path: Path, capsys: Any) -> None:
    options = ["data=digits", "backbone=identity", "head=softmax", "trainer.max_epochs=1"]
    main(["train", *options, f"hydra.run.dir={tmp_path / 'run'}"])
    checkpoint = f"checkpoint={tmp_path / 'run' / 'checkpoints' / 'final.ckpt'}"
    for seed, seen in ((0, False), (7, True)):
        command = ["calibrate", checkpoint, "data=digits", f"data.split_seed={seed}", "calibration=temperature"]
        if not seen:
            main([*command, f"hydra.run.dir={tmp_path / 'same'}"])
            continue
        with pytest.raises(SystemExit):
            main([*command, f"hydra.run.dir={tmp_path / 'other'}"])
    message = capsys.readouterr().err
    assert "TH-Z03: " in message
    assert "calibration rows of digits are rows that the model was trained on, such as row " in message
