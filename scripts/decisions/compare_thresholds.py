"""Macro-F1 of the ways to set thresholds, on logits that ``collect_logits.py`` wrote, with 95 % intervals over seeds.

    python scripts/decisions/compare_thresholds.py outputs/decisions --json thresholds.json

"held out" fits on a fifth of the training rows, which the model then has not been trained on; "crossfit" on out-of-fold
logits of all of them, for a model trained on all. Gains are paired by seed: over 0.5 for the same model, and over 0.5
for the model that was trained on all rows, so that the rows held out are paid for.
"""

import argparse
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.decisions import FittedThreshold

SCOPES = ("global", "per_class", "shrunk")
HEADS = {"sigmoid": SigmoidHead, "softmax": SoftmaxHead}


class Run(NamedTuple):
    """Scores and label sets of one seed: held-out and test rows of a model, out-of-fold and test rows of another."""

    held_out: Tensor
    held_out_target: Tensor
    test: Tensor
    fold: Tensor
    fold_target: Tensor
    full_test: Tensor
    target: Tensor


def main() -> None:
    """Print a table, and write the figures of every seed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for path in sorted(options.folder.glob("*.npz")):
        name, head, _ = re.fullmatch(r"(.+)-(\w+)-(\d+)", path.stem).groups()  # type: ignore[union-attr]
        with np.load(path) as arrays:
            if "fold" in arrays:
                found[f"{name}, {head}"].append(figures(read(arrays, head)))
    for name, seeds in found.items():
        print(table(name, seeds))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def read(arrays: "np.lib.npyio.NpzFile", head: str) -> Run:
    """The scores of a file's logits."""
    score = HEADS[head](1, arrays["test"].shape[1], label_type="multi").scores

    def scores(name: str) -> Tensor:
        return score(torch.from_numpy(arrays[name]))

    def sets(name: str) -> Tensor:
        return torch.from_numpy(arrays[name]).bool()

    held_out = scores("calibration"), sets("calibration_target"), scores("test")
    return Run(*held_out, scores("fold"), sets("fold_target"), scores("full_test"), sets("test_target"))


def figures(run: Run) -> dict[str, float]:
    """Macro-F1 of each way on the test rows of one seed."""
    found = {"0.5": macro_f1(run.test >= 0, run.target), "0.5, all rows": macro_f1(run.full_test >= 0, run.target)}
    for scope in SCOPES:
        found[f"held out, {scope}"] = fitted_f1(scope, run.held_out, run.held_out_target, run.test, run.target)
    for scope in SCOPES:
        found[f"crossfit, {scope}"] = fitted_f1(scope, run.fold, run.fold_target, run.full_test, run.target)
    return found


def fitted_f1(scope: str, scores: Tensor, sets: Tensor, test: Tensor, target: Tensor) -> float:
    """Macro-F1 on test rows by a threshold fitted on others."""
    rule = FittedThreshold(scope=scope)  # type: ignore[arg-type]
    rule.bind(scores.shape[1])
    rule.fit(scores, sets)
    return macro_f1(rule(test), target)


def macro_f1(chosen: Tensor, target: Tensor) -> float:
    """Mean F1 over the classes that are in target or answer, as `torchheads.metrics` has it."""
    hits, sizes = (chosen & target).sum(dim=0), chosen.sum(dim=0) + target.sum(dim=0)
    return float((2 * hits / sizes).nanmean())


def table(name: str, seeds: list[dict[str, float]]) -> str:
    """The figures of a data set as a table in Markdown."""
    ways = {way: np.array([seed[way] for seed in seeds]) for way in seeds[0]}
    lines = [
        f"\n### {name}, {len(seeds)} seeds\n",
        "| | macro-F1 | over 0.5 | over 0.5 with all rows |",
        "|---|---|---|---|",
    ]
    for way, values in ways.items():
        base = ways["0.5, all rows" if way.startswith("crossfit") else "0.5"]
        gains = (interval(values - base), interval(values - ways["0.5, all rows"]))
        lines.append(f"| {way} | {interval(values, signed=False)} | {gains[0]} | {gains[1]} |")
    return "\n".join(lines)


def interval(values: np.ndarray, signed: bool = True) -> str:
    """Mean and 95 % interval of Student's t over seeds."""
    if len(values) < 2 or not values.std():
        return f"{values.mean():+.3f}" if signed else f"{values.mean():.3f}"
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return f"{values.mean():{'+' if signed else ''}.3f} ± {half:.3f}"


if __name__ == "__main__":
    main()
