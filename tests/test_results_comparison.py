"""docs/results_comparison.md says what the study's own file says, in its table and in its figure."""

import importlib.util
import json
from pathlib import Path

from torchheads.report.tables import overview

DOCS = Path(__file__).parent.parent / "docs"
SUMMARY = json.loads((DOCS / "results" / "comparison.json").read_text(encoding="utf-8"))


def test_every_row_of_the_overview_is_in_the_page() -> None:
    page = (DOCS / "results_comparison.md").read_text(encoding="utf-8")
    rows = overview(SUMMARY).rows
    assert len(rows) >= 8
    for name, verdict, *cells in (row[:4] for row in rows):
        assert f"| {name} | {' | '.join(cells)} | {verdict} |" in page


def test_the_study_is_large_enough() -> None:
    names = [data["name"] for data in SUMMARY["data"]]
    assert len(names) >= 8
    for data in SUMMARY["data"]:
        assert len(data["seeds"]) >= 5
        assert set(data["tuning"]) == {"softmax", "sigmoid"}
        assert not any(head["failed"] for head in data["heads"].values())


def test_the_figure_is_that_of_the_numbers() -> None:
    spec = importlib.util.spec_from_file_location("draw", DOCS.parent / "scripts" / "docs" / "draw_comparison.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.comparison_figure() == (DOCS / "results" / "comparison.svg").read_text(encoding="utf-8")
