"""Chosen test samples, each with its picture and the spreadsheet of every head.

n test samples, c classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, final

import numpy as np

from torchheads.report.figures.base import Judged
from torchheads.study.functional.metrics import right_rows

Pictures = Callable[[int], "str | None"]
"""A test sample's picture as a data URI, by its row id; None where there is none."""

MOST_CLASSES = 6
"""Rows of a spreadsheet; of more classes, the true ones and those with the largest logits."""


@final
class SheetRow(NamedTuple):
    """What becomes of one class: texts, and whether it is answered and whether it is right."""

    name: str
    logit: str
    exp: str
    softmax: str
    sigmoid: str
    answered: bool
    right: bool


@final
class Sheet(NamedTuple):
    """The spreadsheet of one head; ``left_out`` classes have no row."""

    head: str
    rows: Sequence[SheetRow]
    left_out: int


@final
class Sample(NamedTuple):
    """A test sample of the gallery."""

    why: str
    row: int
    truth: str
    picture: str | None
    sheets: Sequence[Sheet]


def gallery(judged: Mapping[str, Sequence[Judged]], names: Sequence[str], pictures: Pictures) -> list[Sample]:
    """A typical sample, the worst of each head, and those where the heads disagree.

    Args:
        judged: the runs of each head; the first of each are shown.
        names: of the classes.
        pictures: of the test samples.
    """
    first = one_row(judged)
    chosen: dict[int, list[str]] = {}
    for place, why in reasons(first):
        chosen.setdefault(place, []).append(why)
    return [sample(first, place, "; ".join(why), names, pictures) for place, why in list(chosen.items())[:5]]


def one_row(judged: Mapping[str, Sequence[Judged]]) -> dict[str, Judged]:
    """The first run of each head that judged the same samples as that of the first head."""
    first = {head: runs[0] for head, runs in judged.items()}
    index = next(iter(first.values())).predictions.index
    return {head: run for head, run in first.items() if np.array_equal(run.predictions.index, index)}


def reasons(first: Mapping[str, Judged]) -> Iterator[tuple[int, str]]:
    """Places of samples, and why each is shown."""
    prices = {head: price(run) for head, run in first.items()}
    total = np.sum(list(prices.values()), axis=0)
    yield int(np.argsort(total, kind="stable")[len(total) // 2]), "typical: of median loss"
    right = np.array([right_rows(run.predictions.predictions, run.target) for run in first.values()])
    split = (right.max(axis=0) - right.min(axis=0)) * total
    for place in np.argsort(-split, kind="stable")[:2]:
        if split[place] > 0:
            heads = [head for head, is_right in zip(first, right[:, place], strict=True) if is_right]
            yield int(place), f"only {', '.join(heads)} right"
    for head, found in prices.items():
        yield int(found.argmax()), f"worst of {head}"


def price(judged: Judged) -> np.ndarray:
    """The logarithmic loss of each sample (n,): of the true class, or of all entries together."""
    probabilities = judged.predictions.probabilities.astype(np.float64).clip(1e-12, 1 - 1e-12)
    if judged.single:
        costs = -np.log(probabilities[np.arange(len(probabilities)), judged.target])
        return np.where(judged.target < 0, 0.0, costs)
    costs = np.where(judged.target == 1, -np.log(probabilities), -np.log1p(-probabilities))
    return np.asarray(np.where(judged.target < 0, 0.0, costs).sum(axis=1))


def sample(first: Mapping[str, Judged], place: int, why: str, names: Sequence[str], pictures: Pictures) -> Sample:
    """One sample with the sheets of all heads."""
    some = next(iter(first.values()))
    row = int(some.predictions.index[place])
    truth = ", ".join(names[number] for number in labels_of(some.target[place])) or "none"
    return Sample(why, row, truth, pictures(row), [sheet(head, run, place, names) for head, run in first.items()])


def labels_of(target: np.ndarray) -> list[int]:
    """The classes of one target or one decision: an index, below 0 for none, or a set."""
    if np.ndim(target) == 0:
        return [int(target)] if target >= 0 else []
    return [int(number) for number in np.flatnonzero(target == 1)]


def sheet(head: str, judged: Judged, place: int, names: Sequence[str]) -> Sheet:
    """The spreadsheet of one head: each column a function of the logits of the sample, but for the decision.

    exp is that of the logit as it is, softmax its share, sigmoid 1 / (1 + exp(-logit)); the head decides by the one of
    them that is its own, calibrated where it has a calibrator.
    """
    logits = judged.predictions.logits[place].astype(np.float64)
    right, answered = labels_of(judged.target[place]), labels_of(judged.predictions.predictions[place])
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    with np.errstate(over="ignore"):
        exps, sigmoids = np.exp(logits), 1 / (1 + np.exp(-logits))
    order = sorted(
        range(len(logits)), key=lambda number: (number not in right, number not in answered, -logits[number])
    )
    shown = sorted(order[:MOST_CLASSES])
    rows = [
        SheetRow(
            names[number],
            f"{logits[number]:z.2f}",
            f"{exps[number]:.3g}",
            share(shares[number]),
            share(sigmoids[number]),
            number in answered,
            number in right,
        )
        for number in shown
    ]
    return Sheet(head, rows, len(logits) - len(shown))


def share(value: float) -> str:
    """A probability to three decimals; never 0 or 1 for rounding's sake alone.

    Example:
        >>> share(0.25), share(1e-9), share(0.99999)
        ('0.250', '< 0.001', '> 0.999')
    """
    if value < 0.0005:
        return "< 0.001"
    return "> 0.999" if value >= 0.9995 else f"{value:.3f}"
