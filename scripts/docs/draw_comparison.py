"""Draws the figure of docs/results_comparison.md from the figures of its study.

python scripts/docs/draw_comparison.py        # docs/results/comparison.json -> docs/results/comparison.svg
"""

import json
from pathlib import Path

from torchheads.report.figures import of_study

DOCS = Path(__file__).parents[2] / "docs"
TEXT = "#787878"  # a contrast of 4 to white and to a dark page alike


def comparison_figure() -> str:
    """The differences of all data sets as an SVG file that stands alone."""
    summary = json.loads((DOCS / "results" / "comparison.json").read_text(encoding="utf-8"))
    (figure,) = of_study(summary)
    return figure.svg.replace("currentColor", TEXT).replace("<svg ", '<svg font-family="sans-serif" ', 1) + "\n"


if __name__ == "__main__":
    (DOCS / "results" / "comparison.svg").write_text(comparison_figure(), encoding="utf-8")
    print("wrote docs/results/comparison.svg")
