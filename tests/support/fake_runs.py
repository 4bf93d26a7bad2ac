"""Folders of runs that nobody trained: results and predictions drawn at random, for studies to read."""

import json
from pathlib import Path
from typing import Any

import numpy as np

VERSIONS = {"torch": "2.15.0"}


def write_fake_run(
    folder: Path,
    *,
    head: str = "softmax",
    seed: int = 0,
    data: str = "digits",
    label_type: str = "single",
    classes: int = 3,
    samples: int = 60,
    skill: float = 2.0,
    labels: dict[str, Any] | None = None,
    names: list[str] | None = None,
    target: np.ndarray | None = None,
) -> Path:
    """A folder with ``results.json`` and ``predictions.npz``; the target depends on the data's name alone.

    Args:
        folder: of the run; made.
        skill: how far the right logits are from the others, in standard deviations.
        labels: what ``labels.json`` holds; None for no such file.
        names: of the classes.
        target: class indices, in place of those drawn.
    """
    drawn, luck = np.random.default_rng(len(data)), np.random.default_rng([seed, len(head)])
    single = label_type == "single"
    if target is None:
        target = drawn.integers(0, classes, samples) if single else drawn.random((samples, classes)) < 0.4
    samples = len(target)
    there = np.eye(classes, dtype=bool)[target] if single else target
    logits = (luck.normal(size=(samples, classes)) + skill * (there - 0.5)).astype(np.float32)
    probabilities = 1 / (1 + np.exp(-logits))
    predictions = logits.argmax(axis=1) if single else logits >= 0
    right = predictions == target
    folder.mkdir(parents=True)
    np.savez_compressed(
        folder / "predictions.npz",
        index=np.arange(samples),
        logits=logits,
        scores=logits,
        probabilities=probabilities,
        predictions=predictions,
        target=target,
    )
    primary = "accuracy" if single else "mean_average_precision"
    metrics = {primary: float(right.mean()), "micro_f1": 0.6, "brier": 0.1}
    rows = [{"step": n, "epoch": n, "train/loss": 2.0 / (n + 1), f"val/{primary}": 0.1 * n} for n in range(4)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    results = {
        "schema": "torchheads.results/1",
        "head": head,
        "label_type": label_type,
        "data": data,
        "classes": names or [f"class {number}" for number in range(classes)],
        "watched": {"metric": primary, "mode": "max"},
        "seed": seed,
        "samples": {"train": 100, "test": samples},
        "val": metrics,
        "test": metrics,
        "seconds": {"fit": 10.0 + seed},
        "peak_memory": {"process": 1000 + seed},
        "parameters": 500,
        "versions": VERSIONS,
    }
    (folder / "results.json").write_text(json.dumps(results))
    if labels is not None:
        (folder / "labels.json").write_text(json.dumps(labels))
    return folder
