"""The page: one HTML file that needs no other, no script, and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

from torchheads.report.base import Section, Table
from torchheads.report.figures.base import Drawn
from torchheads.report.gallery import Sample

LARGEST = 1_000_000
"""Bytes of a page; figures that would go over it are left out, the last ones first."""


@final
class Shown(NamedTuple):
    """A data set on the page: its section, its figures, its samples, and a line that says what is not shown."""

    section: Section
    figures: Sequence[Drawn]
    samples: Sequence[Sample]
    missing: str = ""


def page(
    title: str, table: Table, study_figures: Sequence[Drawn], shown: Sequence[Shown], summary: Mapping[str, Any]
) -> str:
    """The page as text, within `LARGEST` bytes: of the figures of all data sets, as many of each as there is room for.

    Args:
        title: of the study.
        table: the overview.
        study_figures: of the whole study.
        shown: the data sets, in their order.
        summary: what everything was made of; how it was made and the words of its level are read here.
    """
    most = max((len(data.figures) for data in shown), default=0)
    for number in range(most, -1, -1):
        text = render(title, table, study_figures, [limited(data, number) for data in shown], summary)
        if len(text.encode()) <= LARGEST:
            return text
    bare = [
        data._replace(figures=(), samples=(), missing="Figures and samples are left out: too many data sets.")
        for data in shown
    ]
    return render(title, table, (), bare, summary)


def limited(data: Shown, number: int) -> Shown:
    """A data set with its first figures alone, and the others named."""
    if len(data.figures) <= number:
        return data
    names = "; ".join(figure.caption for figure in data.figures[number:])
    return data._replace(figures=data.figures[:number], missing=f"Left out to keep the page below 1 MB: {names}.")


def render(
    title: str, table: Table, study_figures: Sequence[Drawn], shown: Sequence[Shown], summary: Mapping[str, Any]
) -> str:
    """The page of these figures, whatever its size; every name is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("torchheads.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = visible
    template = environment.get_template("report.html.j2")
    values = {"title": title, "overview": table, "figures": study_figures, "data": shown, "summary": summary}
    return template.render(**values) + "\n"


def visible(text: str) -> str:
    """Text of strangers with its control characters shown.

    Example:
        >>> visible("a\\x1b[31m")
        'a\\\\x1b[31m'
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
