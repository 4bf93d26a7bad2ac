"""The files of a report: the page, and the same figures as Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from torchheads.artifact import write_json, write_table, write_text
from torchheads.errors import HeadConfigError
from torchheads.report.figures import Judged, of_data, of_study
from torchheads.report.gallery import Pictures, gallery
from torchheads.report.page import Shown, page
from torchheads.report.tables import overview, sections
from torchheads.report.text import csv_columns, markdown
from torchheads.study.runs import Run

FindPictures = Callable[[Run], tuple[Pictures, str]]
"""The pictures of a run's test samples, and a line that says why there are none."""


def no_pictures(run: Run) -> tuple[Pictures, str]:
    """Nothing to be seen."""
    return lambda row: None, ""


def check_packages() -> None:
    """Look for the packages of the extra ``report``, before anything that takes hours.

    Raises:
        HeadConfigError: code P06, where one cannot be imported.
    """
    for package in ("matplotlib", "jinja2", "statsmodels"):
        try:
            import_module(package)
        except ImportError as error:
            problem = f"a report needs {package}, which cannot be imported ({error})"
            raise HeadConfigError("P06", problem, "pip install 'torchheads[report]'") from error


def write_report(
    runs: Sequence[Run],
    summary: Mapping[str, Any],
    folder: Path,
    title: str = "Softmax or sigmoid: a comparison",
    find_pictures: FindPictures = no_pictures,
) -> Path:
    """Write ``report.html``, ``report.md``, ``report.csv`` and ``report.json``, all with the same figures.

    Args:
        runs: what the summary was made of.
        summary: as `torchheads.study.summary.summarise` returns it.
        folder: made if it is not there.
        title: of the page.
        find_pictures: asked once a data set.

    Returns:
        The path of the page.

    Raises:
        HeadConfigError: code P06, where a package of the extra ``report`` cannot be imported.
    """
    check_packages()
    table, told = overview(summary), sections(summary)
    shown = []
    for section in told:
        judged = {
            head: found
            for head in summary["heads"]
            if (found := [Judged(run) for run in runs if (run.data, run.head) == (section.name, head)])
        }
        judged = in_order(judged)
        shown.append(show(section, judged, summary["heads"], find_pictures) if judged else Shown(section, (), ()))
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "report.html", page(title, table, of_study(summary), shown, summary))
    write_text(folder / "report.md", markdown(title, table, told, summary["how"]))
    write_table(folder / "report.csv", csv_columns(summary))
    write_json(folder / "report.json", summary)
    return folder / "report.html"


def in_order(judged: Mapping[str, list[Judged]]) -> dict[str, list[Judged]]:
    """The runs by seed, those first whose seed every head has: the first of each head are of one seed."""
    shared = set.intersection(*({one.run.seed for one in found} for found in judged.values())) if judged else set()
    return {
        head: sorted(found, key=lambda one: (one.run.seed not in shared, one.run.seed))
        for head, found in judged.items()
    }


def show(section: Any, judged: Mapping[str, list[Judged]], heads: Sequence[str], find_pictures: FindPictures) -> Shown:
    """A data set with its figures and its gallery."""
    one = next(iter(judged.values()))[0]
    names = one.run.results["classes"]
    pictures, why_none = find_pictures(one.run)
    figures = list(of_data(judged, names, section.name, heads))
    return Shown(section, figures, gallery(judged, names, pictures), why_none)
