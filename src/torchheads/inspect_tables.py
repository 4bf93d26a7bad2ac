"""What is known of a data set, as lines and tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from torchheads.inspect_words import duplicate_lines, input_lines, leak_lines, title
from torchheads.terminal import printable

MOST, LEAST = 20, 10
"""Classes that a table shows: the most frequent, and the rarest."""

FIGURES = {
    "rows": "rows",
    "rows_without_label": "without a label",
    "rows_with_one": "with one label",
    "rows_with_several": "with several",
    "rows_unsure": "not known whole",
    "cardinality": "labels a row",
    "density": "density",
    "unknown_entries": "unknown labels",
    "distinct_sets": "different sets",
    "imbalance": "most / least frequent",
}
"""The figures of a split, by their words in the table."""

OF_SINGLE = ("rows", "unknown_entries", "imbalance")
"""Those that say something of single-label data."""

ALWAYS = ("rows", "imbalance", "cardinality", "density", "distinct_sets")
"""Those that are shown although they are 0 in every split."""


def show(record: Mapping[str, Any], console: Console) -> None:
    """Print a record of `torchheads.data.overview.inspect_record`.

    Args:
        record: as returned there.
        console: where to print.
    """
    say(console, title(record), "bold")
    for task in record["tasks"]:
        name = f"{task['task']}: " if task["task"] else ""
        console.print()
        say(console, f"{name}head={task['head']} fits: {task['reason']}.", "bold")
        console.print()
        console.print(split_table(task))
        console.print()
        console.print(class_table(task, console.encoding))
    console.print()
    for line in (*input_lines(record["inputs"]), *duplicate_lines(record["duplicates"])):
        say(console, line)
    for line in things_to_mind(record):
        say(console, f"Mind: {line}.", "yellow")


def things_to_mind(record: Mapping[str, Any]) -> Iterator[str]:
    """Leaks between splits, what is odd about the labels, and pictures that are left out."""
    yield from leak_lines(record["duplicates"])
    for task in record["tasks"]:
        yield from (f"{task['task']}: {line}" if task["task"] else line for line in task["mind"])
    if skipped := record["skipped"]:
        pictures = "1 picture cannot" if len(skipped) == 1 else f"{len(skipped):,} pictures cannot"
        yield f"{pictures} be read and will be left out: {'; '.join(skipped[:3])}"


def say(console: Console, line: str, style: str = "") -> None:
    """Print a line that may hold names of strangers."""
    console.print(Text(printable(line, console.encoding), style), soft_wrap=True)


def split_table(task: Mapping[str, Any]) -> Table:
    """The figures of the splits, one column each."""
    splits = task["splits"]
    table = Table("", box=None, padding=(0, 2, 0, 0))
    for name in splits:
        table.add_column(name, justify="right")
    shown = OF_SINGLE if task["label_type"] == "single" else tuple(FIGURES)
    for key in shown:
        values = [figures[key] for figures in splits.values()]
        if key in ALWAYS or any(values):
            table.add_row(FIGURES[key], *(figure(key, value) for value in values))
    return table


def figure(key: str, value: float) -> str:
    """A figure in its own form.

    Example:
        >>> figure("rows", 1200), figure("density", 0.0525), figure("cardinality", 1.25), figure("imbalance", 12.04)
        ('1,200', '5.2 %', '1.25', '12.0')
    """
    if value != value:
        return "-"
    if key == "density":
        return f"{value:.1%}".replace("%", " %")
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.1f}" if key == "imbalance" else f"{value:.2f}"


def class_table(task: Mapping[str, Any], encoding: str) -> Table:
    """How many rows of each split have each class, the most frequent first; of many classes both ends."""
    ranked = sorted(task["classes"], key=lambda entry: -entry["positive"]["train"])
    table = Table("class", box=None, padding=(0, 2, 0, 0))
    for name in (*task["splits"], "of train"):
        table.add_column(name, justify="right")
    cut = ranked[:MOST] if len(ranked) > MOST + LEAST else ranked
    for entry in cut:
        table.add_row(*class_row(entry, encoding))
    if len(cut) < len(ranked):
        table.add_row(f"... {len(ranked) - MOST - LEAST:,} more")
        for entry in ranked[-LEAST:]:
            table.add_row(*class_row(entry, encoding))
    return table


def class_row(entry: Mapping[str, Any], encoding: str) -> list[Text | str]:
    """Name, counts by split and share of the training rows of a class."""
    counts = [f"{count:,}" for count in entry["positive"].values()]
    return [Text(printable(entry["name"], encoding)), *counts, figure("density", entry["train_share"])]
