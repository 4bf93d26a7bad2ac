"""Seconds and memory to fit thresholds: ours over all cut points, and scikit-learn's over 100 of them.

First 20,000 rows and 50 classes: the best cut of each class for F1, by `best_cuts`, by `FittedThreshold` (shrunk: the
best cut of all classes beside those of each), and by scikit-learn's TunedThresholdClassifierCV, a class at a time, in
turns; the ratio is that of medians, and F1 of our cuts must nowhere be below F1 of theirs. Then 100,000 rows and 1,000
classes by `FittedThreshold`, in a process of its own: seconds, and how far its memory rises above the inputs.

    python scripts/benchmarks/threshold_fit.py --output out.json
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import f1_score
from sklearn.model_selection import TunedThresholdClassifierCV
from torch import Tensor

from torchheads.decisions import FBeta, FittedThreshold
from torchheads.decisions.functional.curves import best_cuts

REQUIRED = {"ms_a_class": 2.0, "times_faster": 130.0, "large_seconds": 20.0, "large_gib": 0.5}


class Scored(ClassifierMixin, BaseEstimator):
    """A classifier whose decision function is its one column: what scikit-learn tunes a threshold on."""

    def fit(self, rows: np.ndarray, target: np.ndarray) -> "Scored":
        """Nothing is learned."""
        self.classes_ = np.array([False, True])
        return self

    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        """The scores themselves."""
        return rows[:, 0]

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """At score 0."""
        return rows[:, 0] >= 0


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--theirs", type=int, default=10, help="classes that scikit-learn is given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", nargs=2, type=int, default=(100_000, 1_000), help="rows and classes; 0 0 for none")
    parser.add_argument("--only-large", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.only_large:
        print(json.dumps(large(*options.large)))
        return
    record = {"cores": os.cpu_count(), "torch": torch.__version__, "python": platform.python_version()}
    record |= small(options.rows, options.classes, options.theirs, options.rounds)
    if options.large[0]:
        command = [sys.executable, __file__, "--only-large", "--large", *map(str, options.large)]
        record |= json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for name, value in record.items():
        needed = f"  (required {REQUIRED[name]:g})" if name in REQUIRED else ""
        print(f"{name:<24}{value if isinstance(value, str) else format(value, '.4g')}{needed}")
    if options.output:
        options.output.write_text(json.dumps(record, indent=1) + "\n")


def small(rows: int, classes: int, theirs: int, rounds: int) -> dict[str, float]:
    """Milliseconds a class of each contender, and whether any F1 is below scikit-learn's."""
    scores, target = rows_of(rows, classes)
    value = FBeta().value
    rule = FittedThreshold()
    rule.bind(classes)
    contenders: dict[str, tuple[Callable[[], object], int]] = {
        "ms_a_class": (lambda: best_cuts(scores, target, value), classes),
        "ms_a_class_shrunk": (lambda: rule.fit(scores, target), classes),
        "ms_a_class_sklearn": (lambda: [tuned(scores, target, c) for c in range(theirs)], theirs),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (run, count) in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append((time.perf_counter() - start) * 1e3 / count)
    cuts = best_cuts(scores, target, value).cuts
    gains = [f1(scores, target, c, cuts[c]) - f1(scores, target, c, tuned(scores, target, c)) for c in range(theirs)]
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    faster = medians["ms_a_class_sklearn"] / medians["ms_a_class"]
    return {**medians, "times_faster": faster, "least_f1_above_sklearn": min(gains)}


def f1(scores: Tensor, target: Tensor, label: int, cut: float | Tensor) -> float:
    """F1 of a class at a cut, as scikit-learn has it."""
    return float(f1_score(target[:, label], scores[:, label] >= cut))


def tuned(scores: Tensor, target: Tensor, label: int) -> float:
    """The threshold that scikit-learn finds for a class."""
    column, right = scores[:, [label]].numpy(), target[:, label].numpy()
    model = TunedThresholdClassifierCV(Scored().fit(column, right), scoring="f1", cv="prefit", refit=False)
    return float(model.fit(column, right).best_threshold_)


def large(rows: int, classes: int) -> dict[str, float]:
    """Seconds of one fit, and GiB above its inputs."""
    scores, target = rows_of(rows, classes)
    rule = FittedThreshold()
    rule.bind(classes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    rule.fit(scores, target)
    seconds = time.perf_counter() - start
    risen = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"large_seconds": seconds, "large_gib": risen / 2**20}


def rows_of(rows: int, classes: int) -> tuple[Tensor, Tensor]:
    """Scores, and label sets that they predict: classes of 1 to 20 %."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(rows, classes, generator=generator)
    target = torch.zeros(rows, classes, dtype=torch.bool)
    for label in range(classes):
        chance = (2 * scores[:, label] - 5 + 3 * label / classes).sigmoid()
        target[:, label] = torch.rand(rows, generator=generator) < chance
    return scores, target


if __name__ == "__main__":
    main()
