"""The words and the cells that every page of a report is made of; a number is turned into text here alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

from torchheads.study.verdict import bounds, decimals_for

NONE = "\N{EN DASH}"
"""What stands for a value that there is not."""

IN_WORDS = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "samples_f1": "samples F1",
    "nll": "negative log-likelihood",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "macro_auroc": "macro AUROC",
    "top5_accuracy": "top-5 accuracy",
    "undefined_labels": "labels left undefined",
}
"""Metrics whose key is no phrase."""


@final
class Table(NamedTuple):
    """A table as text: what it shows, its columns, and its rows; the first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers alone, and stand to the right."""
        columns = zip(*self.rows, strict=True)
        return [any(cells) and all(map(is_numeric, cells)) for cells in columns]


@final
class Section(NamedTuple):
    """All that is said of one data set in words and numbers."""

    name: str
    kind: str
    notes: Sequence[str]
    tables: Sequence[Table]


def is_numeric(cell: str) -> bool:
    """Whether a cell is a number, with or without its interval or unit, or stands for one.

    Example:
        >>> is_numeric("0.5 (0.4 to 0.6)"), is_numeric("< 0.001"), is_numeric("no difference shown (0.1)")
        (True, True, False)
    """
    return re.fullmatch(rf"[<>\d.,()\s+{NONE}-]*(to[<>\d.,()\s-]*)?( ?[GM]B)?", cell) is not None


def metric_words(key: str) -> str:
    """A metric as one says it.

    Example:
        >>> metric_words("mean_average_precision"), metric_words("macro_f1")
        ('mean average precision', 'macro F1')
    """
    return IN_WORDS.get(key, key.replace("_", " "))


def with_interval(found: Mapping[str, Any] | None) -> str:
    """A mean and its interval, of the summary's form.

    Example:
        >>> with_interval({"mean": 0.5, "low": 0.45, "high": 0.55}), with_interval({"mean": 0.5, "low": None})
        ('0.500 (0.450 to 0.550)', '0.5000')
        >>> with_interval(None)
        '\N{EN DASH}'
    """
    if found is None or found["mean"] is None:
        return NONE
    if found["low"] is None:
        return f"{found['mean']:z.4f}"
    decimals = decimals_for(found["high"] - found["low"])
    return bounds(found["mean"], found["low"], found["high"], decimals, " (") + ")"


def p_value(value: float | None) -> str:
    """A p-value; a small one is only said to be small.

    Example:
        >>> p_value(0.0321), p_value(0.00001), p_value(None)
        ('0.032', '< 0.001', '\N{EN DASH}')
    """
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def memory(size: float) -> str:
    """Bytes in the unit one would say.

    Example:
        >>> memory(1.5e9), memory(2_000_000), memory(0)
        ('1.5 GB', '2 MB', '\N{EN DASH}')
    """
    if not size:
        return NONE
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
