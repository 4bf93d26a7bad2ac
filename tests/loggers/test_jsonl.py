"""The log only grows, survives kills, and is strict JSON."""

import json
import math

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from torchheads.loggers import JsonlLogger, read_rows


class Regression(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch).square().mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val/nll", self.layer(batch).square().mean(), batch_size=len(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Batches:
    """A loader that is no list, which Lightning would take for several loaders."""

    def __init__(self, count):
        self.tensors = torch.randn(count, 4, 2)

    def __len__(self):
        return len(self.tensors)

    def __iter__(self):
        return iter(self.tensors)


def fit(folder, max_epochs, **options):
    torch.manual_seed(0)
    batches = Batches(3)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=JsonlLogger(str(folder)),
        callbacks=[ModelCheckpoint(folder / "kept", filename="{epoch}", save_top_k=-1)],
        max_epochs=max_epochs,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=False,
        default_root_dir=folder,
    )
    trainer.fit(Regression(), batches, batches, **options)
    return trainer


def test_a_row_is_one_line_of_json(tmp_path):
    logger = JsonlLogger(str(tmp_path / "run"))
    logger.log_metrics({"val/nll": torch.tensor(0.25), "epoch": 1, "val/accuracy": 0.5}, step=7)
    expected = '{"step": 7, "epoch": 1, "val/accuracy": 0.5, "val/nll": 0.25}\n'
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == expected


def test_rows_are_known_by_step_and_keys(tmp_path):
    logger = JsonlLogger(str(tmp_path))
    for _ in range(2):
        logger.log_metrics({"train/loss": 1.0}, step=1)
        logger.log_metrics({"val/nll": 2.0}, step=1)
        logger.log_metrics({"train/loss": 0.5}, step=2)
    logger.log_metrics({"train/loss": 9.0}, step=1)
    rows = [{"step": 1, "train/loss": 1.0}, {"step": 1, "val/nll": 2.0}, {"step": 2, "train/loss": 0.5}]
    assert read_rows(logger.path) == rows
    again = JsonlLogger(str(tmp_path))
    again.log_metrics({"train/loss": 0.5}, step=2)
    again.log_metrics({"train/loss": 0.25}, step=3)
    assert read_rows(logger.path) == [*rows, {"step": 3, "train/loss": 0.25}]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, torch.tensor(math.nan)])
def test_values_that_are_not_finite_are_null(tmp_path, value):
    logger = JsonlLogger(str(tmp_path))
    logger.log_metrics({"val/macro_auroc": value}, step=0)
    line = logger.path.read_text()

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(line, parse_constant=refuse) == {"step": 0, "val/macro_auroc": None}


@pytest.mark.parametrize("tail", ['{"step": 2, "train/', '{"step": 2, "train/loss": 0.', "{", '"x"'])
def test_a_half_written_last_line_is_cut_off_and_written_again(tmp_path, tail):
    whole = '{"step": 1, "train/loss": 1.0}\n'
    (tmp_path / "metrics.jsonl").write_text(whole + tail)
    assert read_rows(tmp_path / "metrics.jsonl") == [{"step": 1, "train/loss": 1.0}]
    JsonlLogger(str(tmp_path)).log_metrics({"train/loss": 0.5}, step=2)
    assert (tmp_path / "metrics.jsonl").read_text() == whole + '{"step": 2, "train/loss": 0.5}\n'


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "train/loss": 1.0}')
    logger = JsonlLogger(str(tmp_path))
    logger.log_metrics({"train/loss": 7.0}, step=1)
    logger.log_metrics({"train/loss": 0.5}, step=2)
    assert logger.path.read_text() == '{"step": 1, "train/loss": 1.0}\n{"step": 2, "train/loss": 0.5}\n'


def test_damage_in_the_middle_costs_its_own_line_only(tmp_path):
    content = b'{"step": 1, "a": 1}\n\xff\xfe{]\n{"step": 2, "a": 2}\n'
    (tmp_path / "metrics.jsonl").write_bytes(content)
    logger = JsonlLogger(str(tmp_path))
    logger.log_metrics({"a": 3}, step=3)
    assert logger.path.read_bytes() == content + b'{"step": 3, "a": 3}\n'
    assert [row["a"] for row in read_rows(logger.path)] == [1, 2, 3]


def test_other_ranks_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    JsonlLogger(str(tmp_path / "run")).log_metrics({"a": 1}, step=1)
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_a_fit_and_its_resumption_leave_the_log_of_one_run(tmp_path):
    fit(tmp_path / "whole", 4)
    fit(tmp_path / "parts", 3)
    written = (tmp_path / "parts" / "metrics.jsonl").read_bytes()
    # back to the end of epoch 1: epoch 2 is trained and logged a second time, then epoch 3 for the first
    fit(tmp_path / "parts", 4, ckpt_path=tmp_path / "parts" / "kept" / "epoch=1.ckpt", weights_only=True)
    resumed = (tmp_path / "parts" / "metrics.jsonl").read_bytes()
    assert resumed.startswith(written)
    assert resumed == (tmp_path / "whole" / "metrics.jsonl").read_bytes()
    rows = read_rows(tmp_path / "parts" / "metrics.jsonl")
    assert [row["step"] for row in rows if "train/loss" in row] == list(range(12))
    assert [row["epoch"] for row in rows if "val/nll" in row] == [0, 1, 2, 3]


def test_lightning_finds_the_folder(tmp_path):
    trainer = fit(tmp_path, 1)
    assert trainer.log_dir == str(tmp_path)
    logger = trainer.logger
    assert (logger.name, logger.version, logger.save_dir, logger.log_dir) == ("", "", str(tmp_path), str(tmp_path))
    logger.log_hyperparams({"lr": 0.1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "metrics.jsonl"]


def test_checkpoints_without_a_folder_go_beside_the_log(tmp_path):
    logger = JsonlLogger(str(tmp_path / "run"))
    callback = ModelCheckpoint()
    trainer = Trainer(
        accelerator="cpu",
        logger=logger,
        callbacks=[callback],
        max_epochs=1,
        log_every_n_steps=1,
        enable_model_summary=False,
        enable_progress_bar=False,
        default_root_dir=tmp_path,
    )
    batches = Batches(1)
    trainer.fit(Regression(), batches, batches)
    assert callback.dirpath == str(tmp_path / "run" / "checkpoints")
