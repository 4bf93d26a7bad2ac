"""What the scores are worth: precision against recall, errors against coverage, probability against frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from torchheads.report.figures.base import Drawn, Judged, colours, panel, svg
from torchheads.study.functional.metrics import right_rows

POINTS = 100
"""Of a curve: more cannot be told apart at the size of a panel."""

BINS, ROWS = 15, 10
"""Of a reliability curve: how many bins there are, as in the metric, and how many rows one needs to be drawn."""


def reliability(judged: Mapping[str, Sequence[Judged]], name: str, heads: Sequence[str]) -> Drawn:
    """How often answers of a probability are right: scikit-learn's display, the first seed of each head."""
    from sklearn.calibration import CalibrationDisplay, calibration_curve  # type: ignore[import-untyped]

    figure, axes = panel()
    for head, runs in judged.items():
        truth, _, probabilities = runs[0].entries
        if runs[0].single:
            probabilities = runs[0].predictions.probabilities.max(axis=1)
            truth = runs[0].predictions.probabilities.argmax(axis=1) == runs[0].target
        frequency, mean = calibration_curve(truth, probabilities.clip(0, 1), n_bins=BINS)
        sizes = np.histogram(probabilities, bins=BINS, range=(0, 1))[0]
        told = sizes[sizes > 0] >= ROWS  # of fewer a share says nothing
        display = CalibrationDisplay(frequency[told], mean[told], probabilities, estimator_name=head)
        display.plot(ax=axes, ref_line=False, color=colours(heads)[head], markersize=3)
    what = "probability of the best class" if judged[head][0].single else "probability of an entry"
    axes.plot([0, 1], [0, 1], ":", color="#808080", linewidth=1)
    axes.set(xlabel=what, ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    return Drawn("Reliability: on the dotted line probabilities mean what they say", svg(figure, f"{name} reliability"))


def precision_recall(judged: Mapping[str, Sequence[Judged]], name: str, heads: Sequence[str]) -> Drawn:
    """Precision against recall of all entries together: scikit-learn's display, the first seed of each head."""
    from sklearn.metrics import PrecisionRecallDisplay, precision_recall_curve  # type: ignore[import-untyped]

    figure, axes = panel()
    axes.set_prop_cycle(color=[colours(heads)[head] for head in judged])
    for head, runs in judged.items():
        truth, scores, _ = runs[0].entries
        precision, recall, _ = precision_recall_curve(truth, scores)
        kept = thinned(recall)
        PrecisionRecallDisplay(precision[kept], recall[kept]).plot(ax=axes, name=head)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02), aspect="auto")
    axes.legend(loc="lower left")
    return Drawn("Precision and recall, every class against the rest", svg(figure, f"{name} precision"))


def risk_coverage(judged: Mapping[str, Sequence[Judged]], name: str, heads: Sequence[str]) -> Drawn:
    """The share of wrong answers among those that the head is surest of; a mean over seeds."""
    figure, axes = panel()
    grid = np.linspace(0.02, 1, POINTS)
    for head, runs in judged.items():
        risks = np.mean([risk_at(run, grid) for run in runs], axis=0)
        axes.plot(grid, risks, color=colours(heads)[head], label=head)
    wrong = "share wrong" if judged[head][0].single else "share of sets not exactly right"
    axes.set(xlabel="share answered, the surest first", ylabel=wrong, xlim=(0, 1), ylim=(0, None))
    axes.legend(loc="upper left")
    return Drawn("Risk and coverage: low on the left means doubt where errors are", svg(figure, f"{name} risk"))


def risk_at(judged: Judged, coverage: np.ndarray) -> np.ndarray:
    """The risk among the surest shares given, of the shape of the shares."""
    probabilities = judged.predictions.probabilities
    sure = probabilities.max(axis=1) if judged.single else np.maximum(probabilities, 1 - probabilities).prod(axis=1)
    wrong = 1 - right_rows(judged.predictions.predictions, judged.target)
    risks = wrong[np.argsort(-sure, kind="stable")].cumsum() / np.arange(1, len(wrong) + 1)
    places = np.ceil(coverage * len(wrong)).astype(int).clip(1) - 1
    return np.asarray(risks[places])


def thresholds(judged: Mapping[str, Sequence[Judged]], name: str, heads: Sequence[str]) -> Drawn:
    """Micro F1 of one threshold for all classes, and of the head's own decision; the first seed of each head."""
    figure, axes = panel()
    grid = np.linspace(0.01, 0.99, POINTS)
    for head, runs in judged.items():
        truth, _, probabilities = runs[0].entries
        ordered, positives = np.sort(probabilities), np.sort(probabilities[truth])
        predicted = len(ordered) - np.searchsorted(ordered, grid)
        hits = len(positives) - np.searchsorted(positives, grid)
        axes.plot(grid, 2 * hits / np.maximum(predicted + truth.sum(), 1), color=colours(heads)[head], label=head)
        own = runs[0].run.results["test"].get("micro_f1")
        if own is not None:
            axes.axhline(own, color=colours(heads)[head], linewidth=0.8, linestyle="--")
    axes.set(xlabel="one threshold for all classes", ylabel="micro F1", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="lower center")
    return Drawn("One threshold for all classes; dashed: the head's own decision", svg(figure, f"{name} cut"))


def thinned(values: np.ndarray) -> np.ndarray:
    """Places of about `POINTS` points of a curve, evenly along its axis, both ends among them, in their order."""
    places = np.searchsorted(-values, -np.linspace(values.max(), values.min(), POINTS))
    return np.unique(np.append(places.clip(0, len(values) - 1), [0, len(values) - 1]))
