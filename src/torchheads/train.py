"""One run, from a configuration to a folder: train, take the best weights, fit the decision, test, write it down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from torch import Tensor

from torchheads.artifact import read_checkpoint, write_json, write_predictions, write_table
from torchheads.auto_head import resume_head, settle_head
from torchheads.build import build_trainer, check_resumable
from torchheads.build_data import KIND, build_data, check_facts, check_positives
from torchheads.build_run import fresh_module, take_weights
from torchheads.config import check_targets
from torchheads.fit_parts import check_fittable, fit_parts, fitted_record
from torchheads.frozen_features import cache_features, can_cache
from torchheads.heads import ClassificationHead, named_heads
from torchheads.kept_promises import kept_promises
from torchheads.module import ClassificationModule
from torchheads.targets import each, prefixed

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
    trained: dict[str, Any] = {}
    if plain["resume"]:
        plain = resume_head(plain)
        trained = check_resumable(plain["resume"], plain)
    trainer = build_trainer(plain, folder)
    seconds: dict[str, float] = {}
    with timed(seconds, "data"):
        data = build_data(plain["data"], plain["backbone"])
        check_positives(data)
        check_facts(trained, data, (*KIND, "num_samples"), "the data of that run, as they were")
        plain = settle_head(plain, data, folder, trainer.is_global_zero)
    module = fresh_module(plain, data)
    check_fittable(module.head, data)
    if can_cache(module.backbone, data):
        with timed(seconds, "features"):
            if plain["resume"]:  # whose backbone it is, whatever a file of weights holds by now
                module.load_state_dict(read_checkpoint(plain["resume"])["state_dict"])
            cache_features(trainer, module, data)
    with timed(seconds, "fit"):
        trainer.fit(module, datamodule=data, ckpt_path=plain["resume"], weights_only=True)
    checkpoint = folder / "checkpoints" / "final.ckpt"
    take_weights(trainer, module)
    trainer.save_checkpoint(checkpoint, weights_only=True)  # kept if nothing can be fitted: torchheads calibrate
    with timed(seconds, "decision"):
        fit_parts(trainer, module, data, plain, folder)
    with timed(seconds, "test"):
        trainer.validate(module, datamodule=data, verbose=False)
        trainer.test(module, datamodule=data, verbose=False)
    trainer.save_checkpoint(checkpoint, weights_only=True)
    record = {
        "schema": SCHEMA,
        "head": head_name(module),
        **{key: plain[key] for key in ("head_advice",) if key in plain},
        "label_type": data.label_type,
        "data": data.name,
        "seed": plain["seed"],
        "samples": data.num_samples | {"test": len(module.collected.index)},
        "skipped": list(data.skipped),
        "fitted": fitted_record(module.head),
        **module.results,
        **kept_promises(module),
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
    """The head's class in one word: "softmax", "sigmoid" or "multi"."""
    return type(module.head).__name__.removesuffix("Head").lower()


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Put the wall time of a block into ``seconds[name]``."""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def write_run(folder: Path, module: ClassificationModule, record: dict[str, Any]) -> None:
    """Write ``results.json``, ``per_class.csv`` and ``predictions.npz``."""
    heads = named_heads(module.head)
    names = [prefixed(name, label) for name, head in heads.items() for label in head.class_names]
    cuts = [cut for head in heads.values() for cut in thresholds(head)]
    write_table(folder / "per_class.csv", {"name": names, **module.per_class, "threshold": cuts})
    with torch.no_grad():
        decided = module.head.predict(each(lambda logits: logits.to(module.device), module.collected.logits))
    write_predictions(folder / "predictions.npz", module.collected, each(Tensor.cpu, decided))
    write_json(folder / "results.json", record)


def thresholds(head: ClassificationHead) -> list[float]:
    """The threshold of each class as a probability, NaN where the decision has none."""
    cuts = getattr(head.decision, "cut", None)  # one a class, or one for all below which a row is rejected
    cuts = torch.tensor(float("nan")) if cuts is None else cuts
    return cuts.sigmoid().expand(head.num_classes).tolist()  # type: ignore[no-any-return]


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
    differ = any(default.get(key) != value for key, value in metrics.items() if value == value)
    if differ:
        table.add_column("at the default decision", justify="right")
    for key, value in metrics.items():
        other = f"{default[key]:.4f}" if key in default else ""  # a rule that rejects has metrics the default lacks
        table.add_row(key, f"{value:.4f}", *([other] if differ else []))
    return table
