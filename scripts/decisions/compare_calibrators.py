"""Calibration error before and after each calibrator, fitted on held-out rows and judged on test rows.

    python scripts/decisions/compare_calibrators.py outputs/logits --json calibrators.json

Reads what ``collect_logits.py`` wrote, ``<data>-<head>-<seed>.npz``. Single-label: error of the top label; label sets:
mean over the labels (classwise). 15 bins, of equal width and of equal mass; NLL in nats; accuracy or macro-F1 at 0.5
says what a calibrator does to decisions. Mean over seeds, of those in which the calibrator could be fitted.
"""

import argparse
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.calibration import Calibrator, Identity, Isotonic, Platt, Temperature, Vector
from torchheads.errors import FitError
from torchheads.metrics.reliability import calibration_error

HEADS = {"sigmoid": SigmoidHead, "softmax": SoftmaxHead}
CALIBRATORS = {"none": Identity, "temperature": Temperature, "vector": Vector, "Platt": Platt, "isotonic": Isotonic}


def main() -> None:
    """Print a table for each data set and head, and write the figures of every seed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, list[dict[str, dict[str, float]]]] = defaultdict(list)
    for path in sorted(options.folder.glob("*.npz")):
        name, head, _ = re.fullmatch(r"(.+)-(\w+)-(\d+)", path.stem).groups()  # type: ignore[union-attr]
        with np.load(path) as arrays:
            parts = {key: torch.from_numpy(arrays[key]) for key in ("calibration", "test")}
            targets = {key: torch.from_numpy(arrays[f"{key}_target"]) for key in parts}
        rows = len(targets["calibration"])
        found[f"{name}, {head}, {rows} held-out rows"].append(
            {way: figures(head, make(), parts, targets) for way, make in CALIBRATORS.items()}
        )
    for name, seeds in found.items():
        print(table(name, seeds))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def figures(
    head_name: str, calibrator: Calibrator, parts: dict[str, Tensor], targets: dict[str, Tensor]
) -> dict[str, float]:
    """What one calibrator makes of the test rows."""
    single = targets["test"].ndim == 1
    options: dict[str, Any] = {"label_type": "single" if single else "multi", "calibrator": calibrator}
    head = HEADS[head_name](1, parts["test"].shape[1], **options)
    try:
        head.calibrator.fit(parts["calibration"], as_sets(targets["calibration"], parts["calibration"]))
    except FitError:
        return dict.fromkeys(("ECE, width", "ECE, mass", "NLL", "decision"), float("nan"))
    probabilities, sets = head.probabilities(parts["test"]), as_sets(targets["test"], parts["test"])
    average = "top_label" if single else "classwise"
    errors = {
        f"ECE, {binning}": calibration_error(probabilities, sets, binning=binning, average=average)
        for binning in ("width", "mass")
    }
    decided = right(probabilities, targets["test"]) if single else macro_f1(probabilities >= 0.5, sets)
    nll = head.nll(parts["test"], targets["test"]).mean()
    return {name: float(value) for name, value in {**errors, "NLL": nll, "decision": decided}.items()}


def as_sets(target: Tensor, logits: Tensor) -> Tensor:
    """Class indices as sets of one, sets as they are."""
    if target.ndim == 2:
        return target.bool()
    return torch.nn.functional.one_hot(target, logits.shape[1]).bool()


def right(probabilities: Tensor, target: Tensor) -> Tensor:
    """Accuracy."""
    return (probabilities.argmax(dim=1) == target).double().mean()


def macro_f1(chosen: Tensor, target: Tensor) -> Tensor:
    """Mean F1 over the classes that are in target or answer."""
    return (2 * (chosen & target).sum(dim=0) / (chosen.sum(dim=0) + target.sum(dim=0))).nanmean()


def table(name: str, seeds: list[dict[str, dict[str, float]]]) -> str:
    """The figures of a data set as a table in Markdown."""
    kinds = list(seeds[0]["none"])
    lines = [f"\n### {name}, {len(seeds)} seeds\n", f"| | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for way in seeds[0]:
        cells = [f"{np.nanmean([seed[way][kind] for seed in seeds]):.4f}" for kind in kinds]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
