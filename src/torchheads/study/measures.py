"""What two heads are compared by on a data set: the metrics of each label type, as differences with intervals.

s seeds, n test samples, c classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np

from torchheads.study.base import Difference
from torchheads.study.comparison import compare
from torchheads.study.functional.crossed import metric_difference, paired_difference
from torchheads.study.functional.metrics import (
    brier_rows,
    macro_f1,
    mean_average_precision,
    micro_f1,
    right_rows,
)
from torchheads.study.runs import Predictions

COMPARED = {
    "single": ("accuracy", "macro_f1", "brier"),
    "multi": ("mean_average_precision", "macro_f1", "micro_f1", "exact_match", "brier"),
}
"""The metrics of each label type, the primary one first."""

LOWER_IS_BETTER = ("brier",)

METRICS = {"mean_average_precision": mean_average_precision, "macro_f1": macro_f1, "micro_f1": micro_f1}
"""Those that are no mean over samples."""


@final
class Pair(NamedTuple):
    """The same seeds of two heads on the same test samples.

    Attributes:
        first: predictions of one head, one a seed.
        second: of the other head.
    """

    first: Sequence[Predictions]
    second: Sequence[Predictions]

    @property
    def target(self) -> np.ndarray:
        """Class indices (n,), or label sets (n, c) as int with -1 where they are not known."""
        return target_of(self.first[0])

    def stacked(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """An array of all seeds of either head, shape (s, n, ...)."""
        one, other = (np.stack([getattr(run, name) for run in runs]) for runs in self)
        return one, other

    def rows(self, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """A value a sample of either head, shape (s, n)."""
        one, other = (np.stack([row_values(run, metric) for run in runs]) for runs in self)
        return one, other


def target_of(run: Predictions) -> np.ndarray:
    """The target of a run, int; -1 where its mask says that it is not known."""
    target = run.target.astype(np.int64)
    return target if run.mask is None else np.where(run.mask, target, -1)


def row_values(run: Predictions, metric: str) -> np.ndarray:
    """The value of each sample, shape (n,)."""
    if metric == "brier":
        return brier_rows(run.probabilities, target_of(run))
    return right_rows(run.predictions, target_of(run))


def difference(pair: Pair, metric: str, level: float, resamples: int) -> Difference:
    """``first - second`` in a metric, over training seeds and test samples.

    Raises:
        DataError: codes P01 to P03, P07, for runs that cannot be compared by it.
    """
    if metric not in METRICS:
        return paired_difference(*pair.rows(metric), level)
    values = pair.stacked("scores" if metric == "mean_average_precision" else "predictions")
    return metric_difference(METRICS[metric], *values, pair.target, level, resamples)


def of_these_models(pair: Pair, metric: str, level: float, resamples: int) -> dict[str, Any]:
    """What can be said besides of the models at hand, for metrics that are right or wrong at each sample."""
    if metric not in ("accuracy", "exact_match"):
        return dict.fromkeys(("seed_permutation", "bootstrap", "sign_flips", "effect_size", "mcnemar"))
    found = compare(*pair.rows(metric), level, max(resamples, 99))
    return {
        "seed_permutation": found.seed_permutation,
        "bootstrap": list(found.bootstrap[:3]),
        "sign_flips": found.sign_flips,
        "effect_size": found.effect_size,
        "mcnemar": list(found.mcnemar),
    }
