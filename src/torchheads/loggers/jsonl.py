"""A log of metrics that only grows: one JSON object a line, one line a step."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only


@final
class JsonlLogger(Logger):
    """Appends metrics to ``metrics.jsonl``; a resumed run carries on in the same file.

    Lightning's ``CSVLogger`` deletes the earlier rows of a folder when a run is resumed in it; here no complete row is
    ever changed or removed. A row is known by its step and its keys: what a resumed run logs again is not written
    again, and the first value stays. A line that a killed process left half-written is cut off when the next row is
    written. Values that are not finite become ``null``, since JSON has no NaN. Rank 0 alone writes.

    Rows look like ``{"step": 49, "epoch": 0, "train/loss": 0.31}``. Hyper-parameters are not logged: the run's
    ``config.yaml`` holds them.

    Args:
        folder: folder of the run; made when the first row is written.
        filename: name of the file in it.

    Example:
        >>> import tempfile
        >>> logger = JsonlLogger(tempfile.mkdtemp())
        >>> logger.log_metrics({"val/nll": 0.25}, step=3)
        >>> read_rows(logger.path)
        [{'step': 3, 'val/nll': 0.25}]
    """

    def __init__(self, folder: str, filename: str = "metrics.jsonl") -> None:
        super().__init__()
        self.path = Path(folder) / filename
        self.steps_seen: dict[frozenset[str], set[int | None]] | None = None  # by keys; None until the file was read

    @property
    def name(self) -> str:
        """Empty: the folder is the run's own, so Lightning adds no level below it."""
        return ""

    @property
    def version(self) -> str:
        """Empty, as ``name``."""
        return ""

    @property
    def save_dir(self) -> str:
        """Folder below which Lightning puts ``checkpoints``."""
        return str(self.path.parent)

    @property
    def log_dir(self) -> str:
        """Folder of the log."""
        return str(self.path.parent)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Append one row, unless a row of this step with these keys is there.

        Args:
            metrics: name to number; tensors of one entry will do.
            step: optimizer steps taken so far.
        """
        if self.steps_seen is None:
            self.steps_seen = open_log(self.path)
        keys = frozenset(metrics) - {"step"}
        steps = self.steps_seen[keys]
        if step in steps:
            return
        row = {"step": step, **{key: json_number(metrics[key]) for key in sorted(keys, key=epoch_first)}}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")
        steps.add(step)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run's ``config.yaml`` holds them."""


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """The complete rows of a log, in the order they were written.

    Lines that are no JSON object, such as one being written at this moment, are left out.

    Args:
        path: file written by `JsonlLogger`.

    Returns:
        One dict per row; ``None`` stands for a value that was not finite.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "metrics.jsonl"
        >>> _ = path.write_text('{"step": 0, "val/nll": null}\\n{"st')
        >>> read_rows(path)
        [{'step': 0, 'val/nll': None}]
    """
    rows = (parse(line) for line in Path(path).read_bytes().splitlines())
    return [row for row in rows if row is not None]


def open_log(path: Path) -> dict[frozenset[str], set[int | None]]:
    """Make a log ready for appending and return the steps it holds, by the keys of their rows.

    A last line without its end is completed if it is a whole row, else cut off.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    content = path.read_bytes()
    start = content.rfind(b"\n") + 1
    if content[start:]:
        with path.open("r+b") as file:
            file.seek(len(content) if parse(content[start:]) else start)
            file.write(b"\n" if parse(content[start:]) else b"")
            file.truncate()
    steps: dict[frozenset[str], set[int | None]] = defaultdict(set)
    for row in read_rows(path):
        steps[frozenset(row) - {"step"}].add(row.get("step"))
    return steps


def parse(line: bytes) -> dict[str, Any] | None:
    """A line as a row, or None where it is no JSON object."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def json_number(value: Any) -> float | int | None:
    """A number as JSON can hold it: NaN and the infinities become None.

    Example:
        >>> json_number(float("nan")), json_number(2), json_number(0.5)
        (None, 2, 0.5)
    """
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, int):
        return int(number)
    return float(number) if math.isfinite(number) else None


def epoch_first(key: str) -> tuple[bool, str]:
    """Sorting key: the epoch, then the metrics by name."""
    return key != "epoch", key
