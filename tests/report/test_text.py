"""Markdown and CSV hold the same figures as the summary, and nobody's name breaks them."""

from typing import Any

import pytest

from torchheads.report.tables import overview, sections
from torchheads.report.text import csv_rows, markdown, plain


def test_every_number_of_the_summary_is_in_the_csv(summary: dict[str, Any]) -> None:
    rows = list(csv_rows(summary))
    for data in summary["data"]:
        for head, found in data["heads"].items():
            for metric, values in found["metrics"].items():
                (row,) = (
                    row
                    for row in rows
                    if (row["data"], row.get("head"), row["metric"], row["kind"])
                    == (data["name"], head, metric, "mean over seeds")
                )
                assert (row["estimate"], row["low"], row["high"]) == tuple(
                    values[key] for key in ("mean", "low", "high")
                )
    differences = [row for row in rows if row["kind"] == "difference"]
    expected = [entry for data in summary["data"] for entry in data["comparisons"]]
    assert [(row["estimate"], row["adjusted"], row["verdict"]) for row in differences] == [
        (entry["estimate"], entry["adjusted"], entry["verdict"]) for entry in expected
    ]


def test_markdown_has_every_table_cell(summary: dict[str, Any]) -> None:
    text = markdown("A study", overview(summary), sections(summary), summary["how"])
    assert text.startswith("# A study\n")
    for section in sections(summary):
        for table in section.tables:
            for row in table.rows:
                assert "| " + " | ".join(map(plain, row)) + " |" in text
    assert "torchheads compare study=mine" in text
    assert "<b>" not in text


@pytest.mark.parametrize("text", ["<script>", "a|b", "line\nbreak", "\x1b[31m", "`code`", "[a](b)"])
def test_a_text_stays_a_text(text: str) -> None:
    for letter in ("<", "\n", "\x1b"):
        assert letter not in plain(text)
    assert plain("a|b") == r"a\|b"
