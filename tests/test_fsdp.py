"""Weights shared out over two processes give what whole weights give: metrics, thresholds, checkpoints; and go on."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from torchheads.build import load_module
from torchheads.build_data import build_data

ROOT = Path(__file__).parent.parent
LAUNCHER = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0"]
COMMON = ["~callbacks.progress", "~callbacks.start_summary", "optimizer=sgd", "optimizer.lr=0.05", "data.test_size=64"]
COMMON += ["data=digit_canvases", "data.train_size=128", "data.val_size=64", "data.calibration_size=64"]


def run(folder: Path, *command: str | Path) -> dict[str, Any]:
    """The results that a command leaves; it runs in a process group of its own, under a time limit."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    environment |= {"MASTER_ADDR": "127.0.0.1"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    words = [sys.executable, *map(str, command), *COMMON]
    process = subprocess.Popen(words, env=environment, start_new_session=True, cwd=folder.parent, **pipes)
    try:
        output, _ = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 0, output[-3000:]
    results: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return results


def train(folder: Path, *words: str) -> dict[str, Any]:
    return run(folder, ROOT / "train.py", f"hydra.run.dir={folder}", *words)


def weights(folder: Path, name: str) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(folder / "checkpoints" / name, weights_only=True)["state_dict"]
    return state


def test_two_ranks_with_half_the_weights_are_one_process_with_all(tmp_path: Path) -> None:
    words = ["backbone=mlp", "trainer.max_epochs=2", "callbacks=[default,gradient_clipping]"]
    words += ["callbacks.gradient_clipping.max_norm=0.5"]
    one = train(tmp_path / "one", *words, "data.batch_size=48")
    two = train(tmp_path / "two", *words, "data.batch_size=24", "trainer=fsdp")
    assert (two["head"], two["parameters"]) == (one["head"], one["parameters"])
    for split in ("val", "test", "test_default_decision"):
        assert two[split] == pytest.approx(one[split], rel=1e-6, abs=1e-6, nan_ok=True), split
    for name in ("best.ckpt", "last.ckpt", "final.ckpt"):
        torch.testing.assert_close(weights(tmp_path / "two", name), weights(tmp_path / "one", name))
    head = load_module(tmp_path / "two" / "checkpoints" / "final.ckpt").head
    assert head.fitted
    assert type(head.classifier.weight) is torch.nn.Parameter


def test_a_run_goes_on_and_batch_norm_is_judged_by_the_statistics_in_its_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    words = [*LAUNCHER, ROOT / "tests" / "fsdp_worker.py", folder]
    results = run(folder, *words, "trainer=fsdp", "backbone=cnn", "data.batch_size=24", "scheduler=constant")
    assert results["nll"] < 2
    torch.testing.assert_close(weights(folder / "rest", "last.ckpt"), weights(folder / "whole", "last.ckpt"))
    plain = load_module(folder / "whole" / "checkpoints" / "final.ckpt")
    data = build_data(plain.hparams["config"]["data"], plain.hparams["config"]["backbone"])
    quiet = {"logger": False, "enable_progress_bar": False, "use_distributed_sampler": False}
    Trainer(accelerator="cpu", default_root_dir=str(folder), **quiet).test(plain, datamodule=data, verbose=False)
    assert plain.results["test"] == pytest.approx(results, rel=1e-6, abs=1e-6)
