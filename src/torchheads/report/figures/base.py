"""A panel as an SVG text that takes the colours of the page it stands in.

n test samples, c classes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from torchheads.study.measures import target_of
from torchheads.study.runs import Predictions, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#2c7fc0", "#d05c08", "#2f9467", "#a5539b", "#8c7a1e", "#6b6fd0", "#c2476b")
"""Of the heads in their order: a contrast of 4 to white and to a dark page, blue and orange apart for every eye."""

INK = "#010203"
"""What lines and letters are drawn in; the page's own colour takes its place."""

STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, which measures with it; the page has its own
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": False,
    "lines.linewidth": 1.4,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


@final
class Drawn(NamedTuple):
    """A figure of the page: its caption, and its SVG."""

    caption: str
    svg: str


@final
class Judged:
    """A run and what it made of the test split, read once.

    Args:
        run: a finished run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def predictions(self) -> Predictions:
        """As `Run.predictions`."""
        return self.run.predictions()

    @cached_property
    def target(self) -> np.ndarray:
        """Class indices (n,), or label sets (n, c), int, -1 where it is not known."""
        return target_of(self.predictions)

    @property
    def single(self) -> bool:
        """Whether exactly one class is right in each sample."""
        return self.target.ndim == 1

    @cached_property
    def entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Truth, score and probability of every known entry, each of shape (m,)."""
        classes = self.predictions.scores.shape[1]
        sets = self.target[:, None] == np.arange(classes) if self.single else self.target
        known = sets >= 0 if not self.single else np.ones(sets.shape, dtype=bool)
        return sets[known] == 1, self.predictions.scores[known], self.predictions.probabilities[known]


def colours(heads: Sequence[str]) -> dict[str, str]:
    """A colour for each head, the same on every figure of a report."""
    return {head: COLOURS[number % len(COLOURS)] for number, head in enumerate(heads)}


def panel(width: float = 3.4, height: float = 2.6) -> tuple[Figure, Axes]:
    """A figure of one pair of axes, in inches; begin it within `styled`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def svg(figure: Figure, name: str) -> str:
    """The figure as text: the same for the same figure, its ids its own, letters and lines in the page's colour.

    Args:
        figure: drawn within `styled`.
        name: of no other figure on the page.
    """
    text = StringIO()
    salt = re.sub(r"\W", "_", name)
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return slim(text.getvalue(), salt)


def slim(text: str, salt: str) -> str:
    """An SVG for use inside a page: no prologue, no names of groups, coordinates to a hundredth of a point.

    Example:
        >>> slim('<?xml?><svg id="a"><g id="patch_1"><path d="M 1.23456 2" style="fill: #010203"/></g></svg>', "x")
        '<svg id="a"><g><path d="M 1.23 2" style="fill: currentColor"/></g></svg>'
    """
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d+\.\d{2})\d+", r"\1", tag[0]), body)  # no text between tags
    body = re.sub(
        r"font-family: [^;\"]*;? ?| ?transform=\"rotate\(-?0 [^\"]*\"", "", body
    )  # the page has its own letters
    for name in set(re.findall(r'id="([^"]+)"', body)) - {"a"}:  # the same shape may stand in several figures
        body = body.replace(f'id="{name}"', f'id="{salt}-{name}"').replace(f"#{name}", f"#{salt}-{name}")
    return re.sub(r"\s+", " ", re.sub(r">\s+<", "><", body.replace(INK, "currentColor"))).strip()
