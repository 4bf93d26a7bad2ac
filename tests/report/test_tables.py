"""The tables of a report hold the numbers of the summary and say what failed."""

from typing import Any

import pytest

from torchheads.report.base import Table, is_numeric, with_interval
from torchheads.report.tables import overview, sections


def test_the_overview_has_a_row_a_data_set_with_the_verdict(summary: dict[str, Any]) -> None:
    table = overview(summary)
    assert table.columns == ["data", "verdict", "softmax", "sigmoid", "metric", "classes"]
    assert [row[0] for row in table.rows] == ["digits", "<b>canvases</b>"]
    for row, data in zip(table.rows, summary["data"], strict=True):
        (primary,) = (entry for entry in data["comparisons"] if entry["primary"])
        metric = data["heads"]["softmax"]["metrics"][primary["metric"]]
        assert row[2] == with_interval(metric)
        assert row[1] == primary["verdict"]
    assert table.rows[0][3].endswith(", 1 failed")


def test_with_three_heads_each_verdict_names_its_own(summary: dict[str, Any]) -> None:
    other = [entry | {"first": "focal"} for entry in summary["data"][0]["comparisons"]]
    data = summary["data"][0] | {"comparisons": summary["data"][0]["comparisons"] + other}
    rows = overview(summary | {"heads": ["softmax", "sigmoid", "focal"], "data": [data]}).rows
    assert [row[0] for row in rows] == ["digits", ""]
    assert rows[0][1].startswith("sigmoid: ")
    assert rows[1][1].startswith("focal: ")


@pytest.mark.parametrize(("heads", "words"), [(1, "one head"), (2, "fewer than two seeds")])
def test_why_nothing_is_compared(summary: dict[str, Any], heads: int, words: str) -> None:
    data = summary["data"][0] | {"comparisons": [], "heads": dict(list(summary["data"][0]["heads"].items())[:heads])}
    assert words in overview(summary | {"data": [data]}).rows[0][1]


def test_a_section_says_everything(summary: dict[str, Any]) -> None:
    digits, canvases = sections(summary)
    assert digits.kind.startswith("4 classes, exactly one class each; 100 train, 60 test")
    assert digits.notes == ["Failed: sigmoid, seed 7: TH-D01: <i>no rows</i>"]
    metrics, differences, cost, tuning = digits.tables
    assert [row[0] for row in metrics.rows] == ["accuracy", "micro F1", "Brier score"]
    assert [row[0] for row in differences.rows] == ["accuracy", "macro F1", "Brier score"]
    assert {row[1] for row in differences.rows} == {"sigmoid \N{MINUS SIGN} softmax"}
    assert cost.rows[1] == ["sigmoid", "11.0", "0 MB", "500", "optimizer.lr=0.003", "3", "1"]
    assert [row[2:] for row in tuning.rows] == [["0.9000", "chosen"], ["failed: TH-L01: NaN", ""]]
    assert len(canvases.tables) == 3  # nothing was tuned there


def test_numbers_stand_to_the_right() -> None:
    table = Table("", ["a", "b", "c"], [["x", "0.5 (0.4 to 0.6)", "\N{EN DASH}"], ["y", "< 0.001", "no difference"]])
    assert table.numeric == [False, True, False]
    assert [is_numeric(cell) for cell in ("1,200", "1.5 GB", "-0.1", "word", "optimizer.lr=1")] == [True] * 3 + [
        False
    ] * 2
