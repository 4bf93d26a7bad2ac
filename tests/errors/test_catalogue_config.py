"""The catalogue of bad input, rows H01 to H14 and the values of the command line: class, code, value, what to type."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn

from torchheads import Argmax, SigmoidHead, SoftmaxHead, Threshold, TopK
from torchheads.callbacks import BestCheckpoint, EarlyStopping
from torchheads.config import check_command, instantiate
from torchheads.errors import (
    CheckpointCorrupt,
    CheckpointError,
    DataError,
    HeadConfigError,
    TorchHeadsError,
    UnsafeArtifact,
)
from torchheads.metrics import head_metrics, metric_suite
from torchheads.optim import adamw


class Row(NamedTuple):
    """One wrong command line: its error's class and code, what came, and the start of what to type."""

    typed: str
    error: type[TorchHeadsError]
    code: str
    problem: str
    remedy: str
    command: str = "train"


SEED_WORDS = "allowed a whole number from 0 to 4294967295"
COMMAND_LINES = [
    # H04, H05: an unknown option or key, with the nearest
    Row(
        "head=sofmax",
        HeadConfigError,
        "H04",
        "'sofmax' is no option of 'head'; allowed: ",
        "head=softmax",
    ),
    Row("head.num_clases=3", HeadConfigError, "H05", "no key 'num_clases' under 'head'", "head.num_classes=3"),
    Row(
        "trainer.accelerator=quantum",
        HeadConfigError,
        "H04",
        "trainer.accelerator='quantum'; allowed auto, cpu",
        "trainer.accelerator=auto",
    ),
    Row("trainer.accelerator=cup", HeadConfigError, "H04", "trainer.accelerator='cup'", "trainer.accelerator=cpu"),
    # H08, H09: what is watched
    Row(
        "trainer=smoke trainer.limit_val_batches=0",
        HeadConfigError,
        "H08",
        "trainer.limit_val_batches=0",
        "trainer.limit_val_batches=1.0",
    ),
    Row(
        "callbacks.best_checkpoint.monitor=val/acuracy",
        HeadConfigError,
        "H08",
        "monitor=val/acuracy: the label type",
        "the same without callbacks.best_checkpoint.monitor",
    ),
    Row(
        "+callbacks.best_checkpoint.monitor=val/acuracy",
        HeadConfigError,
        "H08",
        "val/accuracy on single-label data",
        "the same without callbacks.best_checkpoint.monitor",
    ),
    Row(
        "+callbacks.best_checkpoint.mode=min",
        HeadConfigError,
        "H09",
        "mode='min': the label type",
        "the same without callbacks.best_checkpoint.mode",
    ),
    Row(
        "callbacks.best_checkpoint.mode=min",
        HeadConfigError,
        "H09",
        "the highest is best",
        "the same without callbacks.best_checkpoint.mode",
    ),
    # H11: a name that a config may not build
    Row(
        "+data.augment._target_=os.system",
        UnsafeArtifact,
        "S01",
        "data.augment._target_='os.system'",
        "TORCHHEADS_ALLOW_TARGETS=os.system",
    ),
    # H12: what is missing
    Row("", HeadConfigError, "H12", "no value for checkpoint", "checkpoint=...", "evaluate"),
    Row("checkpoint=null", HeadConfigError, "H12", "no value for checkpoint", "checkpoint=...", "predict"),
    # H13: numbers
    Row("optimizer.lr=0", HeadConfigError, "H13", "optimizer.lr=0; allowed a number above 0", "optimizer.lr=0.001"),
    Row("optimizer.lr=-1e-3", HeadConfigError, "H13", "optimizer.lr=-0.001", "optimizer.lr=0.001"),
    Row("optimizer.lr=nan", HeadConfigError, "H13", "optimizer.lr=nan", "optimizer.lr=0.001"),
    Row("optimizer.lr=inf", HeadConfigError, "H13", "optimizer.lr=inf", "optimizer.lr=0.001"),
    Row("optimizer.lr='1e-3'", HeadConfigError, "H13", "optimizer.lr='1e-3'", "optimizer.lr=0.001"),
    Row("optimizer.lr=null", HeadConfigError, "H13", "optimizer.lr=null", "optimizer.lr=0.001"),
    Row("optimizer=sgd optimizer.momentum=1", HeadConfigError, "H13", "optimizer.momentum=1", "optimizer.momentum=0.9"),
    Row("scheduler.warmup=5", HeadConfigError, "H13", "scheduler.warmup=5", "scheduler.warmup=0.05"),
    *(
        Row(f"seed={value}", HeadConfigError, "H13", f"seed={shown}; {SEED_WORDS}", "seed=0")
        for value, shown in {
            "abc": "'abc'",
            "-1": "-1",
            "1.5": "1.5",
            "null": "null",
            "true": "true",
            "99999999999999999999": "99999999999999999999",
        }.items()
    ),
    Row("seed=abc checkpoint=a", HeadConfigError, "H13", "seed='abc'", "seed=0", "evaluate"),
    Row("compile=maybe", HeadConfigError, "H13", "compile='maybe'; allowed true, false", "compile=false"),
    Row(
        "trainer.max_epochs=abc",
        HeadConfigError,
        "H13",
        "trainer.max_epochs='abc'; allowed a whole number from 1",
        "trainer.max_epochs=20",
    ),
    Row("trainer.max_epochs=0", HeadConfigError, "H13", "trainer.max_epochs=0", "trainer.max_epochs=20"),
    Row("trainer.devices=0", HeadConfigError, "H13", "trainer.devices=0", "trainer.devices=1"),
    Row(
        "trainer.accumulate_grad_batches=0.5",
        HeadConfigError,
        "H13",
        "trainer.accumulate_grad_batches=0.5",
        "trainer.accumulate_grad_batches=1",
    ),
    Row(
        "trainer=smoke trainer.limit_test_batches=0",
        HeadConfigError,
        "H13",
        "trainer.limit_test_batches=0",
        "trainer.limit_test_batches=1.0",
    ),
    Row(
        "+trainer.limit_predict_batches=0 checkpoint=a",
        HeadConfigError,
        "H13",
        "trainer.limit_predict_batches=0",
        "trainer.limit_predict_batches=1.0",
        "predict",
    ),
    Row(
        "callbacks=[default,early_stopping] callbacks.early_stopping.patience=0",
        HeadConfigError,
        "H13",
        "callbacks.early_stopping.patience=0",
        "callbacks.early_stopping.patience=10",
    ),
    Row(
        "loss=cross_entropy loss.label_smoothing=1",
        HeadConfigError,
        "T14",
        "loss.label_smoothing=1",
        "loss.label_smoothing=0.1",
    ),
    # H14: precision
    Row(
        "trainer.precision=17",
        HeadConfigError,
        "H14",
        "trainer.precision=17; allowed 32-true, bf16-mixed",
        "trainer.precision=32-true",
    ),
    Row("trainer.precision=fp16", HeadConfigError, "H14", "trainer.precision='fp16'", "trainer.precision="),
    Row(
        "trainer.precision=bf16-mix",
        HeadConfigError,
        "H14",
        "trainer.precision='bf16-mix'",
        "trainer.precision=bf16-mixed",
    ),
    # values of the data
    Row(
        "data.batch_size=abc",
        DataError,
        "D11",
        "data.batch_size='abc'; allowed a whole number from 1",
        "data.batch_size=64",
    ),
    Row("data.batch_size=0", DataError, "D11", "data.batch_size=0", "data.batch_size=64"),
    Row("data.eval_batch_size=1.5", DataError, "D11", "data.eval_batch_size=1.5", "data.eval_batch_size=512"),
    Row("data.split_seed=abc", HeadConfigError, "H13", f"data.split_seed='abc'; {SEED_WORDS}", "data.split_seed=0"),
    Row("data.drop_last=1", HeadConfigError, "H13", "data.drop_last=1; allowed true, false", "data.drop_last=false"),
    Row(
        "data=digit_canvases data.digits=2", DataError, "D12", "data.digits=2; allowed [low,high]", "data.digits=[0,4]"
    ),
    Row(
        "data=digit_canvases data.digits=[0,0]",
        DataError,
        "D12",
        "data.digits=[0, 0]; allowed [low,high] with 0 <= low <= high and 1 <= high",
        "data.digits=[0,4]",
    ),
    Row("data=digit_canvases data.digits=[3,1]", DataError, "D12", "data.digits=[3, 1]", "data.digits=[0,4]"),
    Row("data=digit_canvases data.test_size=0", DataError, "D01", "data.test_size=0", "data.test_size=1000"),
    # files
    Row(
        "split=tset checkpoint=a",
        DataError,
        "D13",
        "split='tset'; allowed train, val, calibration, test",
        "split=test",
        "evaluate",
    ),
    Row(
        "checkpoint=missing.ckpt",
        CheckpointCorrupt,
        "K01",
        "there is no file missing.ckpt",
        "checkpoint=<run folder>/checkpoints/final.ckpt",
        "predict",
    ),
    Row(
        "checkpoint=.",
        CheckpointCorrupt,
        "K01",
        ". is a folder, not a file",
        "checkpoint=<run folder>/checkpoints/final.ckpt",
        "evaluate",
    ),
    Row(
        "resume=missing.ckpt",
        CheckpointCorrupt,
        "K01",
        "there is no file missing.ckpt",
        "resume=<run folder>/checkpoints/last.ckpt",
    ),
    Row(
        "checkpoint=here.ckpt output=.",
        CheckpointError,
        "H17",
        ". cannot be written: it is a folder",
        "output=<a file",
        "predict",
    ),
    Row(
        "checkpoint=here.ckpt output=here.ckpt/a.csv",
        CheckpointError,
        "H17",
        "here.ckpt is a file",
        "output=<a file",
        "predict",
    ),
]


@pytest.mark.parametrize("row", COMMAND_LINES, ids=lambda row: f"{row.command} {row.typed}")
def test_a_wrong_command_line(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.ckpt").touch()
    with pytest.raises(TorchHeadsError) as caught:
        check_command(row.command, row.typed.split())
    assert type(caught.value) is row.error
    assert caught.value.code == row.code
    assert row.problem in caught.value.problem
    assert caught.value.remedy.startswith(row.remedy)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["here.ckpt"]


QUICK = ["seed=abc", "data.batch_size=abc", "trainer.precision=17", "optimizer.lr=0", "predict checkpoint=null"]


@pytest.mark.parametrize("typed", QUICK)
def test_it_is_one_line_and_comes_before_torch(typed: str, tmp_path: Path) -> None:
    words = typed.split() if typed.startswith("predict") else ["train", typed]
    code = f"""
import sys
from torchheads.cli import main
try:
    main({words!r})
except SystemExit as end:
    heavy = {{"torch", "lightning", "torchmetrics", "torchvision", "sklearn", "numpy"}}
    print(end.code, sorted(heavy & set(sys.modules)))
"""
    before, start = os.times(), time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    after, wall = os.times(), time.monotonic() - start
    assert done.stdout == "2 []\n"
    assert done.stderr.startswith("TH-")
    assert done.stderr.count("\n") == 1
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert min(used, wall) <= 2  # processor time: on a busy machine the wall clock measures what else is running


# What only Python can get wrong, or only the objects themselves can see -----------------------------------------------


def softmax(**options: Any) -> SoftmaxHead:
    return SoftmaxHead(**{"in_features": 4, "num_classes": 3, **options})


def sigmoid(**options: Any) -> SigmoidHead:
    return SigmoidHead(**{"in_features": 4, "num_classes": 3, **options})


IN_PYTHON = {
    # H01
    "no class": (lambda: sigmoid(num_classes=0), "H01", "0", "num_classes"),
    "fewer than none": (lambda: softmax(num_classes=-3), "H01", "-3", "num_classes"),
    "half a class": (lambda: sigmoid(num_classes=2.5), "H01", "2.5", "num_classes"),
    "true as a number": (lambda: softmax(num_classes=True), "H01", "True", "num_classes"),
    "softmax of one": (lambda: softmax(num_classes=1), "H01", "1", "SigmoidHead"),
    # H03
    "threshold above 1": (lambda: sigmoid(decision=Threshold(3.0)), "H03", "3.0", "logit"),
    "threshold below 0": (lambda: sigmoid(decision=Threshold(-0.1)), "H03", "-0.1", "logit"),
    "threshold nan": (lambda: sigmoid(decision=Threshold(math.nan)), "H03", "nan", "0.5"),
    "two thresholds": (lambda: sigmoid(decision=Threshold([0.5, 0.5])), "H03", "2 thresholds for 3 classes", "0.5"),
    "a set of one class": (lambda: softmax(decision=Threshold(0.5)), "H03", "Threshold", "argmax"),
    "k on one class": (lambda: softmax(decision=TopK(2)), "H03", "TopK", "argmax"),
    "one of a set": (lambda: sigmoid(decision=Argmax()), "H03", "Argmax", "decision=top_k"),
    # H05
    "no such argument": (
        lambda: instantiate({"_target_": "torchheads.callbacks.EarlyStopping", "patince": 3}),
        "H05",
        "EarlyStopping has no argument 'patince'; it has: patience, min_delta",
        "patience=...",
    ),
    "no such argument inside": (
        lambda: instantiate(
            {
                "_target_": "torchheads.SigmoidHead",
                "in_features": 4,
                "num_classes": 3,
                "decision": {"_target_": "torchheads.decisions.TopK", "m": 3},
            }
        ),
        "H25",
        "torchheads.SigmoidHead cannot be built: ",
        "--cfg job",
    ),
    # H10
    "no such metric": (
        lambda: metric_suite("single", 3).direction("mean_average_precision"),
        "H10",
        "no metric 'mean_average_precision' for single-label targets; allowed: accuracy",
        "macro_auroc",
    ),
    "metric misspelt": (lambda: metric_suite("multi", 3).direction("micro_f2"), "H10", "'micro_f2'", "micro_f1"),
    # H13
    "lr": (lambda: adamw(nn.Linear(2, 2), lr=0), "H13", "optimizer.lr=0", "optimizer.lr=0.001"),
    "lr nan": (lambda: adamw(nn.Linear(2, 2), lr=math.nan), "H13", "optimizer.lr=nan", "optimizer.lr=0.001"),
    "lr text": (lambda: adamw(nn.Linear(2, 2), lr="1e-3"), "H13", "optimizer.lr='1e-3'", "optimizer.lr=0.001"),
}


@pytest.mark.parametrize("name", IN_PYTHON)
def test_a_wrong_object(name: str) -> None:
    build, code, problem, remedy = IN_PYTHON[name]
    with pytest.raises(HeadConfigError) as caught:
        build()
    assert caught.value.code == code
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_h02_one_class_has_its_metrics() -> None:
    head = sigmoid(num_classes=1)
    metrics = head_metrics(head)
    metrics.update(head, torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([[1.0], [0.0], [0.0]]))
    values = metrics.compute()
    assert values["mean_average_precision"] == 1.0
    assert values["hamming_loss"] == pytest.approx(1 / 3)


def test_h06_h07_either_head_runs_on_either_label_type() -> None:
    hot = torch.eye(3)
    assert softmax(label_type="multi").loss_from_logits(torch.zeros(3, 3), hot).item() == pytest.approx(math.log(3))
    single = sigmoid(label_type="single").loss_from_logits(torch.zeros(3, 3), torch.arange(3))
    assert single.item() == pytest.approx(3 * math.log(2))


class Watching(LightningModule):
    """Watches a metric and logs another one, or the same."""

    watched, watched_mode = "val/accuracy", "max"

    def __init__(self, logged: str) -> None:
        super().__init__()
        self.layer, self.logged, self.steps = nn.Linear(2, 2), logged, 0

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        self.steps += 1
        return self.layer(batch).sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log(self.logged, 0.5)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("callback", [BestCheckpoint, EarlyStopping])
@pytest.mark.parametrize(
    ("options", "problem", "remedy"),
    [
        ({"limit_val_batches": 0}, "does not validate", "trainer.limit_val_batches=1.0"),
        (
            {"check_val_every_n_epoch": 3},
            "validation is due every 3 epochs, and the run has 2",
            "trainer.check_val_every",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*does not have many workers.*", "ignore:.*smaller than the logging interval.*")
def test_h08_a_metric_that_never_comes_is_said_before_training(
    callback: Any, options: dict[str, Any], problem: str, remedy: str, tmp_path: Path
) -> None:
    module = Watching("val/accuracy")
    common = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(max_epochs=2, default_root_dir=tmp_path, callbacks=[callback()], **common, **options)
    loader = torch.utils.data.DataLoader(torch.zeros(4, 2))
    with pytest.raises(HeadConfigError) as caught:
        trainer.fit(module, loader, loader)
    assert caught.value.code == "H08"
    assert problem in caught.value.problem
    assert caught.value.remedy.startswith(remedy)
    assert module.steps == 0
