"""The files of a run's folder: written whole or not at all, readable without torchheads.

n examples, c classes.
"""

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from torchheads.artifact.collector import Rows
from torchheads.targets import LabelLists, each, named, prefixed


def write_text(path: Path, text: str) -> None:
    """Write a text file under another name first, then rename it, so that no reader ever meets half of it."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8", newline="")
    os.replace(unfinished, path)


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as strict JSON; NaN and infinity, which JSON does not know, become null."""
    write_text(path, json.dumps(finite_or_null(record), indent=2, allow_nan=False) + "\n")


def finite_or_null(value: Any) -> Any:
    """The same value with None in place of every number that is not finite.

    Example:
        >>> finite_or_null({"a": [1.0, float("nan")]})
        {'a': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {key: finite_or_null(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_null(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_table(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of equal length as CSV; NaN is left empty.

    A text that a spreadsheet would run as a formula is preceded by an apostrophe.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([map(_cell, row) for row in zip(*columns.values(), strict=True)])
    write_text(path, text.getvalue())


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value


def write_predictions(path: Path, rows: Rows, scores: Any, probabilities: Any, predictions: Any) -> None:
    """Write row ids, logits, scores, probabilities, predictions, target and, where there is one, mask as ``.npz``.

    What paired statistics and curves are made of, readable without a head: ``scores`` are what it ranks and thresholds.

    Arrays of several heads begin with the head's name ("species/logits"). Label lists are two arrays, the labels one
    after the other (``target_indices``) and where each example's begin (``target_offsets``).
    """
    unfinished = path.with_name(f".{path.stem}.unfinished.npz")
    judged = {"logits": rows.logits, "scores": scores, "probabilities": probabilities}
    values = {name: each(Tensor.float, value) for name, value in judged.items()}
    values |= {"predictions": predictions, "target": rows.target, "mask": rows.mask}
    arrays = {"index": rows.index}
    for key, tree in values.items():
        arrays |= flat(key, tree)
    np.savez_compressed(unfinished, allow_pickle=False, **{name: value.numpy() for name, value in arrays.items()})
    os.replace(unfinished, path)


def flat(key: str, tree: Any) -> dict[str, Tensor]:
    """The arrays of a value, or of one value a head, by their names in the file.

    Example:
        >>> import torch
        >>> flat("target", {"species": torch.tensor([2]), "tags": torch.tensor([[0, 1]])})
        {'species/target': tensor([2]), 'tags/target': tensor([[0, 1]])}
    """
    arrays: dict[str, Tensor] = {}
    for name, value in named(tree).items():
        parts = {"_indices": value.indices, "_offsets": value.offsets} if isinstance(value, LabelLists) else {"": value}
        arrays |= {prefixed(name, key + end): part for end, part in parts.items() if part is not None}
    return arrays
