"""Which figures a report has: of the whole study, and of each data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torchheads.report.figures.base import STYLE, Drawn, Judged, colours, panel, svg
from torchheads.report.figures.classes import per_class, shortened, taken_for
from torchheads.report.figures.curves import precision_recall, reliability, risk_coverage, thresholds
from torchheads.report.figures.learning import learning_curves


def of_study(summary: Mapping[str, Any]) -> list[Drawn]:
    """The differences of all data sets by the primary metric, side by side; nothing where there are none."""
    import matplotlib

    found = [(data["name"], entry) for data in summary["data"] for entry in data["comparisons"] if entry["primary"]]
    if not found:
        return []
    with matplotlib.rc_context(STYLE):
        figure, axes = panel(5.2, 0.9 + 0.26 * len(found))
        hues = colours(summary["heads"])
        for place, (_, entry) in enumerate(found):
            ends = [[entry["estimate"] - entry["low"]], [entry["high"] - entry["estimate"]]]
            axes.errorbar(
                entry["estimate"], place, xerr=ends, fmt="o", color=hues[entry["first"]], markersize=4, capsize=2
            )
        axes.axvline(0, color="#808080", linewidth=0.8, linestyle=":")
        many = len(summary["heads"]) > 2
        axes.set_yticks(range(len(found)), [shortened(f"{e['first']}, {n}" if many else n, 34) for n, e in found])
        axes.invert_yaxis()
        left, right = summary["heads"][0], summary["heads"][1] if not many else "the head named"
        axes.set_title(f"\N{LEFTWARDS ARROW} {shortened(left, 24)} better", loc="left")
        axes.set_title(f"{shortened(right, 24)} better \N{RIGHTWARDS ARROW}", loc="right")
        axes.set(xlabel="difference")
        caption = (
            f"Difference in the primary metric with its {summary['level']:.0%} interval, over seeds and test samples"
        )
        return [Drawn(caption, svg(figure, "study differences"))]


def of_data(
    judged: Mapping[str, Sequence[Judged]], names: Sequence[str], name: str, heads: Sequence[str]
) -> Iterator[Drawn]:
    """The figures of one data set, the most telling first.

    Args:
        judged: the runs of each head, one or more.
        names: of the classes.
        name: of the data set.
        heads: of the study, in their order.
    """
    import matplotlib

    single = next(iter(judged.values()))[0].single
    with matplotlib.rc_context(STYLE):
        yield precision_recall(judged, name, heads)
        yield reliability(judged, name, heads)
        yield risk_coverage(judged, name, heads)
        if not single:
            yield thresholds(judged, name, heads)
        yield per_class(judged, names, name, heads)
        for head, runs in judged.items():
            yield taken_for(runs[0], names, name, head)
        yield from learning_curves(judged, name, heads)
