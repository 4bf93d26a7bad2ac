"""Draws the figures of docs/softmax_or_sigmoid.md from the heads themselves.

    python scripts/docs/draw_figures.py                  # writes docs/figures/*.svg; needs matplotlib

Every figure is a function of numbers that the heads gave (figure_numbers.py). Each file carries its numbers as a
description, so that a test can tell a stale figure without drawing it. A second run gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figure_numbers import (
    ANIMALS,
    CUT,
    SHIFTS,
    Numbers,
    described,
    moving_numbers,
    shift_numbers,
    spreadsheet_numbers,
    start_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = Path(__file__).parents[2] / "docs" / "figures"
MINUS = "\N{MINUS SIGN}"

# Each colour has a contrast of 4 or more to white and to a dark page alike; blue and orange differ for every eye.
TEXT, SOFTMAX, SIGMOID = "#787878", "#2c7fc0", "#d05c08"


# Figures, from the numbers --------------------------------------------------------------------------------------------


def draw_spreadsheet(numbers: Numbers) -> Figure:
    """Three panels of bars: the logits, the shares of softmax, the four answers of sigmoid."""
    figure, (logit, softmax, sigmoid) = panels(1, 3, height=2.9)
    bars(logit, numbers["logit"], TEXT, ANIMALS, "{:z.1f}".format)
    logit.set(title="logits", xlim=(-1.6, 6.2), xlabel="dashed: the threshold")
    logit.xaxis.label.set_weight("normal")
    bars(softmax, numbers["softmax"], SOFTMAX, numbers["the_one"])
    softmax.set(title="softmax: shares of 1")
    bars(sigmoid, numbers["sigmoid"], SIGMOID, numbers["the_set"])
    sigmoid.set(title="sigmoid: each alone")
    threshold(logit, CUT, f"{CUT:.0f}")
    threshold(sigmoid, numbers["sigmoid_cut"][0], f"{numbers['sigmoid_cut'][0]:.2f}")
    return figure


def draw_shift(numbers: Numbers) -> Figure:
    """Two rows of bars, softmax above sigmoid, one column for each constant added."""
    figure, grid = panels(2, len(SHIFTS), height=5.2)
    rows = (("softmax", SOFTMAX, "the_one"), ("sigmoid", SIGMOID, "the_set"))
    for row, (head, colour, decision) in zip(grid, rows, strict=True):
        for column, axes in enumerate(row):
            bars(axes, numbers[head][column], colour, numbers[decision][column])
            axes.set_title(f"{head}({(f'logits {MINUS} 3', 'logits', 'logits + 3')[column]})")
    for axes in grid[1]:
        threshold(axes, 0.5, "0.5")
    return figure


def draw_moving(numbers: Numbers) -> Figure:
    """Two panels of curves: the probability, which saturates, and the score, which does not."""
    figure, (probability, score) = panels(1, 2, height=3.7)
    for head, colour in (("softmax", SOFTMAX), ("sigmoid", SIGMOID)):
        probability.plot(numbers["logit"], numbers[head], color=colour, linewidth=2.4)
        score.plot(numbers["logit"], numbers[f"{head}_score"], color=colour, linewidth=2.4)
        probability.plot(numbers[f"{head}_full"], [1.0], "o", color=colour, markersize=8, zorder=3)
    for axes, left, right in ((probability, (-0.9, 0.6), (5.0, 0.4)), (score, (10.0, 13.0), (12.5, 6.0))):
        axes.text(*left, "sigmoid", color=SIGMOID, weight="bold", ha="right", va="center")
        axes.text(*right, "softmax", color=SOFTMAX, weight="bold", ha="left", va="center")
        axes.set_xlabel("logit of dog; cat, cow and zebra stand still")
        axes.grid(color=TEXT, alpha=0.25, linewidth=0.7)
    probability.text(18.5, 0.9, "from the dots on,\nfloat32 says 1", ha="center", va="top")
    probability.set(title="probability of dog", ylim=(-0.04, 1.12))
    score.set(title="score (log-odds) of dog")
    return figure


def draw_start(numbers: Numbers) -> Figure:
    """Loss at the start against the number of classes, both axes logarithmic."""
    figure, (axes,) = panels(1, 1, height=4.0)
    lines = (
        ("sigmoid_zero_bias", SIGMOID, (0, (4, 2)), "sigmoid, zero bias: {:.0f}", 0),
        ("sigmoid_prior_bias", SIGMOID, "-", "sigmoid, bias of the prior 1/C: {:.1f}", 7),
        ("softmax_prior_bias", SOFTMAX, "-", "softmax, either bias: {:.1f}", -9),
    )
    for name, colour, line, label, rise in lines:
        axes.plot(numbers["classes"], numbers[name], color=colour, linestyle=line, linewidth=2.4, marker="o")
        end, place = (numbers["classes"][-1], numbers[name][-1]), {"textcoords": "offset points", "va": "center"}
        axes.annotate(label.format(end[1]), end, (12, rise), color=colour, weight="bold", **place)
    axes.set(xscale="log", yscale="log", xlabel="number of classes C", xlim=(1.7, 1150))
    axes.set_title("loss of a fresh head, one right class (nats)", loc="left")
    axes.set_xticks([2, 10, 100, 1000], ["2", "10", "100", "1000"])
    axes.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axes.minorticks_off()
    axes.grid(color=TEXT, alpha=0.25, linewidth=0.7)
    return figure


FIGURES: dict[str, tuple[Callable[[], Numbers], Callable[[Numbers], Figure]]] = {
    "spreadsheet": (spreadsheet_numbers, draw_spreadsheet),
    "shift": (shift_numbers, draw_shift),
    "moving_logit": (moving_numbers, draw_moving),
    "loss_at_start": (start_numbers, draw_start),
}


# Drawing --------------------------------------------------------------------------------------------------------------


def panels(rows: int, columns: int, height: float) -> tuple[Figure, Any]:
    """A figure 9 inches wide and its axes: one row as a list, several as a list of lists."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid[0] if rows == 1 else grid


def bars(
    axes: Axes,
    values: list[float],
    colour: str,
    chosen: list[str] | tuple[str, ...],
    text: Callable[[float], str] | None = None,
) -> None:
    """One horizontal bar an animal, its value in a column at the right; those not chosen are pale."""
    for place, (name, value) in enumerate(zip(ANIMALS, values, strict=True)):
        strong = name in chosen
        weight = "bold" if strong else "normal"
        axes.barh(place, value, height=0.66, color=colour, alpha=1.0 if strong else 0.35)
        shown = (text or share)(value).replace("-", MINUS)
        at_the_edge = axes.get_yaxis_transform()
        axes.text(1, place, shown, transform=at_the_edge, ha="right", va="center", color=colour, weight=weight)
    axes.set(xlim=(0, 1.4), xticks=[], yticks=range(len(ANIMALS)), yticklabels=ANIMALS)
    axes.set_xlabel("→ " + ", ".join(chosen), color=colour, weight="bold", labelpad=6)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.axvline(0, color=TEXT, linewidth=0.8)


def share(probability: float) -> str:
    """A probability to two decimals; never 0 or 1, which it is not."""
    if probability < 0.005:
        return "<0.01"
    return ">0.99" if probability > 0.995 else f"{probability:.2f}"


def threshold(axes: Axes, cut: float, text: str) -> None:
    """A dashed line where the threshold is, with its value."""
    axes.set_xticks([cut], [text])
    axes.axvline(cut, color=TEXT, linewidth=1.6, linestyle=(0, (3, 2)))


def style() -> dict[str, Any]:
    """Settings of matplotlib: readable on white and on black, and the same bytes on every run."""
    return {
        "svg.hashsalt": "torchheads",
        "svg.fonttype": "none",  # text stays text: small, and can be searched
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Helvetica", "Arial"],  # the first two are equally wide
        "font.size": 11,
        "axes.titlesize": 12,
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "text.color": TEXT,
        **{f"axes.{name}color": TEXT for name in ("edge", "label", "title")},
        **{f"{axis}tick.{name}": TEXT for axis in "xy" for name in ("color", "labelcolor")},
    }


def draw(folder: Path) -> list[Path]:
    """Write every figure into a folder; the files written."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, (measure, picture) in FIGURES.items():
        text = described(measure())
        file = folder / f"{name}.svg"
        with matplotlib.rc_context(style()):
            figure = picture(json.loads(text))  # rounded, so that a last digit changes no file
            figure.align_xlabels()
            figure.savefig(file, metadata={"Date": None, "Description": text})
        files.append(file)
    return files


def main() -> None:
    """Draw and say which files were written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    for file in draw(parser.parse_args().folder):
        print(f"{file.name:<20} {file.stat().st_size / 1024:.1f} KiB")


if __name__ == "__main__":
    main()
