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


def write_predictions(path: Path, rows: Rows, predictions: Tensor) -> None:
    """Write row ids (n,), logits (n, c), predictions and target as a compressed ``.npz`` for paired statistics."""
    unfinished = path.with_name(f".{path.stem}.unfinished.npz")
    arrays = {"index": rows.index, "logits": rows.logits.float(), "predictions": predictions, "target": rows.target}
    np.savez_compressed(unfinished, allow_pickle=False, **{name: value.numpy() for name, value in arrays.items()})
    os.replace(unfinished, path)
