"""Class by class: F1 of each head, and what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from torchheads.report.figures.base import Drawn, Judged, colours, panel, svg
from torchheads.study.functional.metrics import counts

MOST = 20
"""Classes on a figure; of more, those that tell most."""


def shortened(name: str, most: int = 16) -> str:
    """A class name that fits beside an axis; the mathematics of matplotlib is not for strangers.

    Example:
        >>> shortened("a name of many letters"), shortened("$x^2$")
        ('a name of many …', '\\\\$x^2\\\\$')
    """
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    return (shown if len(shown) <= most else f"{shown[: most - 1]}…").replace("$", r"\$")


def class_f1(judged: Judged, classes: int) -> np.ndarray:
    """F1 of each class (c,), NaN where it is neither there nor predicted."""
    hits, predicted, there = (
        np.resize(part, classes) if len(part) < classes else part for part in padded(judged, classes)
    )
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * hits / np.where(predicted + there > 0, predicted + there, np.nan))


def padded(judged: Judged, classes: int) -> list[np.ndarray]:
    """Counts of all classes (c,), those of the last ones too where these never occur."""
    found = counts(judged.predictions.predictions, judged.target)
    return [np.pad(part, (0, classes - len(part))) for part in found]


def per_class(judged: Mapping[str, Sequence[Judged]], names: Sequence[str], name: str, heads: Sequence[str]) -> Drawn:
    """Bars of F1, the mean over seeds; of many classes those in which the heads differ most."""
    with np.errstate(all="ignore"):
        means = {h: np.nanmean([class_f1(run, len(names)) for run in runs], axis=0) for h, runs in judged.items()}
    table = np.nan_to_num(np.array(list(means.values())))
    spread = table.max(axis=0) - table.min(axis=0) if len(table) > 1 else -table[0]
    shown = np.sort(np.argsort(-spread, kind="stable")[:MOST])
    figure, axes = panel(height=0.9 + 0.17 * len(shown) * max(len(means), 1.2))
    high = 0.8 / len(means)
    for number, (head, values) in enumerate(means.items()):
        places = np.arange(len(shown)) + (number - (len(means) - 1) / 2) * high
        axes.barh(places, np.nan_to_num(values[shown]), high, color=colours(heads)[head], label=head)
    axes.set_yticks(range(len(shown)), [shortened(names[place]) for place in shown])
    axes.invert_yaxis()
    axes.set(xlabel="F1", xlim=(0, 1))
    figure.legend(loc="outside upper center", ncols=3)
    which = "" if len(names) <= MOST else f"; the {MOST} classes that differ most of {len(names)}"
    return Drawn(f"F1 of each class, mean over seeds{which}", svg(figure, f"{name} classes"))


def taken_for(judged: Judged, names: Sequence[str], name: str, head: str) -> Drawn:
    """What is answered (columns) where a class is right (rows), as shares of the rows: the first seed.

    For class indices the confusion matrix; for label sets how often class j is predicted where class i is there.
    """
    from sklearn.metrics import ConfusionMatrixDisplay  # type: ignore[import-untyped]

    table = confusion(judged, len(names))
    total = np.maximum(support(judged, len(names)), 1)
    mistakes = table.sum(axis=1) + table.sum(axis=0) - 2 * np.diag(table)
    shown = np.sort(np.argsort(-mistakes, kind="stable")[: MOST // 2 + 2])
    figure, axes = panel(height=3.2)
    shares = (table / total[:, None])[np.ix_(shown, shown)]
    labels = [shortened(names[place], 10) for place in shown]
    display = ConfusionMatrixDisplay(shares, display_labels=labels)
    display.plot(ax=axes, colorbar=False, include_values=False, cmap="Blues", im_kw={"vmin": 0, "vmax": 1})
    write_shares(axes, shares)
    axes.tick_params(axis="x", labelrotation=90)
    axes.set(xlabel="answered", ylabel="true")
    kind = "Confusion" if judged.single else "Answered where a class is there"
    which = "" if len(names) == len(shown) else f", the {len(shown)} classes with most mistakes"
    return Drawn(f"{kind}: {head}, shares of each true class in %{which}", svg(figure, f"{name} {head} confusion"))


def write_shares(axes: object, shares: np.ndarray) -> None:
    """Write each share of 5 % or more into its cell, in %."""
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.05:
            colour = "white" if share > 0.5 else "#333333"
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", size=6, color=colour)  # type: ignore[attr-defined]


def confusion(judged: Judged, classes: int) -> np.ndarray:
    """How often class j is answered where class i is right, shape (c, c)."""
    predicted = judged.predictions.predictions
    if not judged.single:
        return np.asarray((judged.target == 1).astype(np.int64).T @ predicted.astype(np.int64))
    answered = (predicted >= 0) & (judged.target >= 0)
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (judged.target[answered], predicted[answered]), 1)
    return table


def support(judged: Judged, classes: int) -> np.ndarray:
    """How often each class is right, shape (c,)."""
    if not judged.single:
        return np.asarray((judged.target == 1).sum(axis=0))
    return np.bincount(judged.target[judged.target >= 0], minlength=classes)
