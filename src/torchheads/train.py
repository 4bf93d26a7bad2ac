"""One run, from a configuration to a folder: train, take the best weights, fit the decision, test, write it down."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    with timed(seconds, "fit"), interruption(folder / "checkpoints" / "last.ckpt"):
        trainer.fit(module, datamodule=data, ckpt_path=plain["resume"], weights_only=True)
    checkpoint = folder / "checkpoints" / "final.ckpt"
    take_weights(trainer, module)
    trainer.save_checkpoint(checkpoint, weights_only=True)  # kept if nothing can be fitted: torchheads calibrate
    with timed(seconds, "decision"):
        fit_parts(trainer, module, data, plain, folder)
    with timed(seconds, "test"):
        trainer.validate(module, datamodule=data, verbose=False)
        if plain["test"]:
            trainer.test(module, datamodule=data, verbose=False)
    trainer.save_checkpoint(checkpoint, weights_only=True)
    record = {
        "schema": SCHEMA,
        "head": head_name(module),
        **{key: plain[key] for key in ("head_advice",) if key in plain},
        "label_type": data.label_type,
        "data": data.name,
        "classes": [label for label, _ in labels(module)],
        "seed": plain["seed"],
        "samples": data.num_samples | ({"test": len(module.collected.index)} if plain["test"] else {}),
        "skipped": list(data.skipped),
        "fitted": fitted_record(module.head),
        "watched": {"metric": module.watched.removeprefix("val/"), "mode": module.watched_mode},
        **module.results,
        **(kept_promises(module) if plain["test"] else {}),
        "seconds": seconds,
        "peak_memory": peak_memory(module.device),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "checkpoint": str(checkpoint.relative_to(folder)),
        "versions": {package: version(package) for package in PACKAGES},
    }
    if trainer.is_global_zero:
        if plain["test"]:
            write_test(folder, module)
        write_json(folder / "results.json", record)  # last: whoever finds it finds a whole run
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


@contextmanager
def interruption(last: Path) -> Iterator[None]:
    """Say how a fit that a signal ended is carried on, and end with an exit code that is not that of a whole run."""
    try:
        yield
    except SystemExit as end:  # of Lightning, for SIGINT and SIGTERM
        saved = f"resume={last} carries it on" if last.exists() else "nothing was saved yet"
        print(f"Training was interrupted: {saved}.", file=sys.stderr)
        raise SystemExit(end.code or 128 + signal.SIGTERM) from None


def peak_memory(device: torch.device) -> dict[str, int]:
    """The most memory the process ever held, in bytes, and what its tensors held on an accelerator."""
    peak: dict[str, int] = {}
    with suppress(ImportError):  # not on Windows
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        peak["process"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak | ({"cuda": torch.cuda.max_memory_allocated(device)} if device.type == "cuda" else {})


def write_test(folder: Path, module: ClassificationModule) -> None:
    """Write ``per_class.csv`` and ``predictions.npz`` of the test split."""
    names, cuts = zip(*labels(module), strict=True)
    write_table(folder / "per_class.csv", {"name": names, **module.per_class, "threshold": cuts})
    with torch.no_grad():
        logits = each(lambda value: value.to(module.device), module.collected.logits)
        head = module.head
        judged = [each(Tensor.cpu, value(logits)) for value in (head.scores, head.probabilities, head.predict)]
    write_predictions(folder / "predictions.npz", module.collected, *judged)


def labels(module: ClassificationModule) -> list[tuple[str, float]]:
    """The name of every class, after that of its head where there are several, and its threshold."""
    heads = named_heads(module.head).items()
    return [
        (prefixed(name, label), cut)
        for name, head in heads
        for label, cut in zip(head.class_names, thresholds(head), strict=True)
    ]


def thresholds(head: ClassificationHead) -> list[float]:
    """The threshold of each class as a probability, NaN where the decision has none."""
    cuts = getattr(head.decision, "cut", None)  # one a class, or one for all below which a row is rejected
    cuts = torch.tensor(float("nan")) if cuts is None else cuts
    return cuts.sigmoid().expand(head.num_classes).tolist()  # type: ignore[no-any-return]


def show(record: dict[str, Any], folder: Path) -> None:
    """Print the test metrics, or those of validation where nothing was tested, and where the results are."""
    console = Console()
    split = "test" if "test" in record else "val"
    examples = f"{record['samples'][split]} {split} examples"
    console.print(f"\n{record['head']} head on {record['data']}, seed {record['seed']}, {examples}")
    console.print(metric_table(record[split], record.get("test_default_decision", record[split])))
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
