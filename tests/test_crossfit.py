"""A crossfit judges each training row by a model that has not seen it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_module

from torchheads.build_data import build_data
from torchheads.build_run import fresh_module
from torchheads.cli import main
from torchheads.config import check_config
from torchheads.crossfit import out_of_fold
from torchheads.data.folds import fold_rows

OPTIONS = ["data=digit_canvases", "backbone=mlp", "backbone.hidden=[16]", "trainer.max_epochs=2", "head=sigmoid"]
SIZES = ["data.train_size=90", "data.val_size=30", "data.calibration_size=20", "data.test_size=50"]


def plain(*overrides: str) -> Any:
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        return check_config(compose("train", [*OPTIONS, *SIZES, *overrides]))


def test_rows_come_fold_after_fold_with_their_targets(tmp_path: Path, capsys: Any) -> None:
    config = plain()
    data = build_data(config["data"], config["backbone"])
    rows = out_of_fold(config, data, 3, tmp_path)
    order = torch.cat(fold_rows(data, 3))
    assert rows.logits.shape == (90, 10)
    assert torch.equal(rows.target, data.split("train").target[order])
    assert list(tmp_path.iterdir()) == []
    assert "crossfit: fold 2 of 3, 30 rows held out" in capsys.readouterr().out
    again = out_of_fold(config, build_data(config["data"], config["backbone"]), 3, tmp_path)
    assert torch.equal(again.logits, rows.logits)


def test_no_row_is_judged_by_a_model_that_has_seen_it(tmp_path: Path, monkeypatch: Any) -> None:
    """The targets of a fold are turned over: what is said of its own rows stays, what is said of others changes."""
    config = plain()
    data = build_data(config["data"], config["backbone"])
    folds = fold_rows(data, 3)
    before = out_of_fold(config, data, 3, tmp_path).logits
    monkeypatch.setattr("torchheads.crossfit.fold_rows", lambda data, number: folds)
    changed = build_data(config["data"], config["backbone"])
    target = changed.split("train").target
    target[folds[1]] = ~target[folds[1]].bool() if target.dtype == torch.bool else 1 - target[folds[1]]
    after = out_of_fold(config, changed, 3, tmp_path).logits
    first, second = len(folds[0]), len(folds[0]) + len(folds[1])
    assert torch.equal(after[first:second], before[first:second])
    assert not torch.equal(after[:first], before[:first])
    assert not torch.equal(after[second:], before[second:])


def test_a_run_that_crossfits_needs_no_calibration_rows(tmp_path: Path) -> None:
    options = ["decision=fitted_threshold", "decision.fit=crossfit", "decision.folds=2"]
    main(["train", *OPTIONS, *SIZES, *options, f"hydra.run.dir={tmp_path / 'run'}"])
    module = fresh_module(plain(*options), build_data(plain()["data"], plain()["backbone"]))
    state = torch.load(tmp_path / "run" / "checkpoints" / "final.ckpt", weights_only=True)["state_dict"]
    module.load_state_dict(state)
    assert module.head.fitted
    assert not list((tmp_path / "run").glob("fold*"))


@pytest.mark.parametrize("callback", ["progress", "start_summary"])
def test_folds_train_in_silence(callback: str, tmp_path: Path, capsys: Any) -> None:
    config = plain()
    assert callback in config["callbacks"]
    out_of_fold(config, build_data(config["data"], config["backbone"]), 2, tmp_path)
    assert [line for line in capsys.readouterr().out.splitlines() if not line.startswith("crossfit: ")] == []


def test_a_crossfit_that_was_cut_off_starts_again_and_no_folder_is_shared(tmp_path: Path) -> None:
    left_over, shared = tmp_path / "fold_1" / "checkpoints", tmp_path / "elsewhere"
    for folder in (left_over, shared):
        folder.mkdir(parents=True)
        (folder / "best.ckpt").write_text("of another training")
    config = plain(f"+callbacks.best_checkpoint.dirpath={shared}", "trainer.max_epochs=1")
    rows = out_of_fold(config, build_data(config["data"], config["backbone"]), 2, tmp_path)
    assert len(rows.logits) == 90
    assert [path.name for path in shared.iterdir()] == ["best.ckpt"]
    assert list(tmp_path.iterdir()) == [shared]
