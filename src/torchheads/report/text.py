"""A report as Markdown and as CSV, the same figures as on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torchheads.report.base import Section, Table

FIELDS = (
    "data",
    "label_type",
    "kind",
    "head",
    "against",
    "metric",
    "estimate",
    "low",
    "high",
    "p_value",
    "adjusted",
    "verdict",
)
"""The columns of the CSV file."""


def markdown(title: str, table: Table, sections: list[Section], how: Mapping[str, Any]) -> str:
    """The page as Markdown, without its figures."""
    parts = [f"# {plain(title)}", of_table(table)]
    for section in sections:
        parts += [f"## {plain(section.name)}", plain(section.kind), *(f"- {plain(note)}" for note in section.notes)]
        parts += [of_table(table) for table in section.tables]
    parts += ["## How it was made", f"Seeds: {', '.join(map(str, how['seeds']))}"]
    parts += [f"```\n{how['command']}\n```"] if how["command"] else []
    parts.append(", ".join(f"{name} {version}" for name, version in how["versions"].items()))
    return "\n\n".join(part for part in parts if part) + "\n"


def of_table(table: Table) -> str:
    """A table of Markdown under its caption; numbers to the right."""
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    return f"{table.caption}:\n\n" + "\n".join("| " + " | ".join(map(plain, line)) + " |" for line in lines)


def plain(text: str) -> str:
    """A text that Markdown takes as it is, in one line.

    Example:
        >>> print(plain("a|b <i> *c*"))
        a\\|b &lt;i&gt; \\*c\\*
    """
    flat = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    escaped = re.sub(r"([\\\\`*_\[\]|#])", r"\\\1", flat.replace("&", "&amp;"))
    return escaped.replace("<", "&lt;").replace(">", "&gt;")


def csv_columns(summary: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The figures in long form, a row a metric of a head and a row a difference, by column."""
    rows = list(csv_rows(summary))
    return {field: [row.get(field, "") for row in rows] for field in FIELDS}


def csv_rows(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of the CSV file; NaN for what there is not."""
    for data in summary["data"]:
        same = {"data": data["name"], "label_type": data["label_type"] or ""}
        for name, head in data["heads"].items():
            for metric, found in head["metrics"].items():
                numbers = {"estimate": found["mean"], "low": found["low"], "high": found["high"]}
                yield same | {"kind": "mean over seeds", "head": name, "metric": metric} | defined(numbers)
        for entry in data["comparisons"]:
            numbers = {key: entry[key] for key in ("estimate", "low", "high", "p_value", "adjusted")}
            words = {"head": entry["first"], "against": entry["second"], "metric": entry["metric"]}
            yield same | {"kind": "difference"} | words | {"verdict": entry["verdict"]} | defined(numbers)


def defined(numbers: Mapping[str, float | None]) -> dict[str, float]:
    """NaN for None, which a CSV cell leaves empty."""
    return {key: float("nan") if value is None else value for key, value in numbers.items()}
