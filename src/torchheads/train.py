"""One run, from a configuration to a folder: train, take the best weights, fit the decision, test, write it down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer, seed_everything
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from torchheads.artifact import write_json, write_predictions, write_table
from torchheads.build import build_module, build_trainer, data_facts, read_checkpoint
from torchheads.config import check_targets, instantiate
from torchheads.data import ClassificationData
from torchheads.module import ClassificationModule

SCHEMA = "torchheads.results/1"
PACKAGES = ("torchheads", "torch", "lightning", "torchmetrics", "torchvision", "hydra-core", "scikit-learn")


def train(config: DictConfig, folder: Path) -> dict[str, Any]:
    """Run a configuration; its folder then holds configuration, checkpoints, metrics, results and predictions.

    Args:
        config: as composed from ``configs/train.yaml``.
        folder: where everything is written; it exists.

    Returns:
        What ``results.json`` holds.
    """
    plain = check_targets(config)
    data: ClassificationData = instantiate(plain["data"])
    data.setup()
    seed_everything(plain["seed"], verbose=False)
    module = build_module(plain, data_facts(data))
    if plain["compile"]:
        module.backbone.compile()  # in place, so that checkpoints keep their keys
        module.head.compile()
    trainer = build_trainer(plain, folder)

    seconds: dict[str, float] = {}
    with timed(seconds, "fit"):
        trainer.fit(module, datamodule=data)
    checkpoint = folder / "checkpoints" / "final.ckpt"
    with timed(seconds, "test"):
        take_best_weights(trainer, module)
        fit_decision(trainer, module, data)
        trainer.validate(module, datamodule=data, verbose=False)
        trainer.test(module, datamodule=data, verbose=False)
    trainer.save_checkpoint(checkpoint, weights_only=True)
    record = {
        "schema": SCHEMA,
        "head": head_name(module),
        "label_type": data.label_type,
        "data": data.name,
        "seed": plain["seed"],
        "samples": data.num_samples,
        **module.results,
        "seconds": seconds,
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "checkpoint": str(checkpoint.relative_to(folder)),
        "versions": {package: version(package) for package in PACKAGES},
    }
    if trainer.is_global_zero:
        write_run(folder, module, record)
        show(record, folder)
    return record


def head_name(module: ClassificationModule) -> str:
    """The head's class in one word: "softmax" or "sigmoid"."""
    return type(module.head).__name__.removesuffix("Head").lower()


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Put the wall time of a block into ``seconds[name]``."""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def take_best_weights(trainer: Trainer, module: ClassificationModule) -> None:
    """Go back to the weights of the best validation; keep the last ones where no checkpoint callback watched."""
    best = getattr(trainer.checkpoint_callback, "best_model_path", "")
    if best:
        module.load_state_dict(read_checkpoint(best)["state_dict"])


def fit_decision(trainer: Trainer, module: ClassificationModule, data: ClassificationData) -> None:
    """Fit a decision rule that must be fitted on the calibration split, which nothing else has seen."""
    rule = module.head.decision
    if rule.fitted:
        return
    trainer.predict(module, dataloaders=data.calibration_dataloader(), return_predictions=False)
    rows = module.collected
    with torch.no_grad():
        rule.fit(module.head.scores(rows.logits.to(module.device)), rows.target.bool().to(module.device))


def write_run(folder: Path, module: ClassificationModule, record: dict[str, Any]) -> None:
    """Write ``results.json``, ``per_class.csv`` and ``predictions.npz``."""
    head, rows = module.head, module.collected
    thresholds = getattr(head.decision, "cut", None)
    probabilities = [float("nan")] * head.num_classes if thresholds is None else thresholds.sigmoid().tolist()
    columns = {"name": list(head.class_names), **module.per_class, "threshold": probabilities}
    write_table(folder / "per_class.csv", columns)
    with torch.no_grad():
        write_predictions(folder / "predictions.npz", rows, head.predict(rows.logits.to(module.device)).cpu())
    write_json(folder / "results.json", record)


def show(record: dict[str, Any], folder: Path) -> None:
    """Print the test metrics and where the results are."""
    console = Console()
    title = (
        f"{record['head']} head on {record['data']}, seed {record['seed']}, {record['samples']['test']} test examples"
    )
    console.print(f"\n{title}")
    console.print(metric_table(record["test"], record["test_default_decision"]))
    seconds = record["seconds"]
    console.print(f"fit {seconds['fit']:.1f} s, test {seconds['test']:.1f} s. Results: {folder}", soft_wrap=True)


def metric_table(metrics: dict[str, float], default: dict[str, float]) -> Table:
    """Metrics one a row; a second column where the default decision gives other values."""
    table = Table("metric")
    table.add_column("value", justify="right")
    differ = metrics != default and any(metrics[key] != default[key] for key in metrics if metrics[key] == metrics[key])
    if differ:
        table.add_column("at the default decision", justify="right")
    for key, value in metrics.items():
        table.add_row(key, *(f"{number:.4f}" for number in ((value, default[key]) if differ else (value,))))
    return table
