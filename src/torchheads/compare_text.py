"""The verdicts of a study as a table in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from torchheads.report.tables import overview
from torchheads.terminal import printable


def say(summary: Mapping[str, Any], page: Path, console: Console | None = None) -> None:
    """Print the primary metric of each head and the verdict, a row a comparison, and where the report is.

    Args:
        summary: as `torchheads.study.summary.summarise` returns it.
        page: the report.
        console: where to print; the standard output if None.
    """
    console = console or Console(highlight=False)
    found = overview(summary)
    table = Table(*(printable(column) for column in found.columns if column != "classes"))
    for row in found.rows:
        table.add_row(*(printable(cell) for name, cell in zip(found.columns, row, strict=True) if name != "classes"))
    console.print(table, markup=False)
    console.print(f"Report: {page}", soft_wrap=True, markup=False)
