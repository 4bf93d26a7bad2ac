"""The verdicts of a study as a table in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from torchheads.study.measures import COMPARED
from torchheads.terminal import printable


def say(summary: Mapping[str, Any], page: Path, console: Console | None = None) -> None:
    """Print the primary metric of each head and the verdict, a row a comparison, and where the report is.

    Args:
        summary: as `torchheads.study.summary.summarise` returns it.
        page: the report.
        console: where to print; the standard output if None.
    """
    console = console or Console(highlight=False)
    table = Table("data", "metric", *(printable(head) for head in summary["heads"]), "verdict")
    for data in summary["data"]:
        for row in rows_of(data, summary["heads"]):
            table.add_row(*map(printable, row))
    console.print(table, markup=False)
    console.print(f"Report: {page}", soft_wrap=True, markup=False)


def rows_of(data: Mapping[str, Any], heads: list[str]) -> list[list[str]]:
    """The rows of a data set: one a head that is compared with the first, or one that says why there is none."""
    primary = [entry for entry in data["comparisons"] if entry["primary"] or entry["estimate"] is None]
    metric = primary[0]["metric"] if primary else COMPARED.get(data["label_type"], ("",))[0]
    values = [of_head(data["heads"].get(head), metric) for head in heads]
    verdicts = [f"{entry['first']}: {entry['verdict']}" if len(heads) > 2 else entry["verdict"] for entry in primary]
    rows = [[data["name"], metric, *values, verdict] for verdict in verdicts]
    return rows or [[data["name"], metric, *values, "one head or one seed: nothing to compare"]]


def of_head(head: Mapping[str, Any] | None, metric: str) -> str:
    """The mean of a metric over seeds and half the width of its interval; what failed is said.

    Example:
        >>> of_head({"metrics": {"f1": {"mean": 0.5, "low": 0.4, "high": 0.6}}, "failed": []}, "f1")
        '0.5000 ±0.1000'
        >>> of_head({"metrics": {}, "failed": [{"seed": 0}]}, "f1")
        '1 failed'
    """
    if head is None:
        return ""
    found = head["metrics"].get(metric) or {"mean": None, "low": None}
    words = [] if found["mean"] is None else [f"{found['mean']:.4f}"]
    words += [] if found["low"] is None else [f"±{found['mean'] - found['low']:.4f}"]
    return " ".join(words + ([f"{len(head['failed'])} failed"] if head["failed"] else []))
