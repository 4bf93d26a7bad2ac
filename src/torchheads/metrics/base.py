"""A metric suite: every metric of one label type, fed once per batch with what a head gives, the same for every head.

n examples, c classes.
"""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from torchheads.errors import HeadConfigError
from torchheads.metrics.counts import f1, precision, recall
from torchheads.metrics.curves import average_precision
from torchheads.metrics.outcome import Outcome, check_outcome
from torchheads.metrics.states import RankTable, Totals
from torchheads.targets import LabelType, TargetForm

Direction = Literal["max", "min"]


class MetricSuite(nn.Module, ABC):
    """What the suites of both label types share: checking, collecting, gathering over ranks, and the table per class.

    Values do not depend on how rows are split into batches or over ranks, ranks without rows included. Sums are kept in
    float64 and counts in int64 whatever precision the model runs in. A metric that nothing defines is NaN. What is not
    known about the target leaves every metric: marking it as unknown is leaving it out.

    Args:
        form: how a target looks and is checked.
        sums: empty sums of the metrics of the label type, by name.
    """

    label_type: ClassVar[LabelType]
    watched: ClassVar[str]
    """The metric that picks checkpoints; it needs no fitted decision."""
    directions: ClassVar[dict[str, Direction]]
    """Every metric in the order of `compute`, and whether it is better high or low."""
    decided: ClassVar[frozenset[str]]
    """The metrics that need predictions."""

    def __init__(self, form: TargetForm, **sums: Tensor) -> None:
        super().__init__()
        self.form = form
        self.num_classes = form.num_classes
        whole, real = torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.float64)
        counts = torch.zeros(self.num_classes, 3, dtype=torch.int64)
        self.totals = Totals(
            examples=whole,
            decided=whole,
            counts=counts,
            known=torch.zeros_like(counts[:, 0]),
            nll=real,
            brier=real,
            **sums,
        )
        self.table = RankTable(self.num_classes)

    @abstractmethod
    def _sums(self, batch: Outcome) -> dict[str, Tensor]:
        """What a batch adds to each sum of the label type, ``counts`` and ``brier`` included."""

    @abstractmethod
    def _values(self) -> dict[str, Tensor]:
        """Every metric from the gathered states; the decided ones are dropped by the caller where undecided."""

    @torch.no_grad()
    def update(
        self,
        *,
        scores: Float[Tensor, "n c"],
        probabilities: Float[Tensor, "n c"],
        nll: Float[Tensor, "n"],
        target: Tensor,
        predictions: Tensor | None = None,
        known: Tensor | None = None,
    ) -> None:
        """Take in one batch; rows that only pad it must have been cut off. An empty batch changes nothing.

        Args:
            scores: calibrated log-odds of shape (n, c), any floating dtype.
            probabilities: shape (n, c), in [0, 1].
            nll: unweighted loss of each example in nats, shape (n,), over what is known of it.
            target: class indices (n,) for single-label, multi-hot (n, c) of 0 and 1 for multi-label.
            predictions: class indices (n,), -1 for "none of these", or sets (n, c) bool; None while the decision is not
                fitted, which leaves the decided metrics out of `compute`.
            known: bool of the target's shape, False where it is not known what is right: a row for single-label, an
                entry for multi-label, whose rows count as long as anything is known of them. None for everything. What
                the other arguments hold there is not looked at.

        Raises:
            NonFiniteError: code L01, for a NaN score; the suite is left as it was.
            LogitsError: code L04, for a wrong shape or dtype, or a predicted class that there is not.
            TargetError: for a target of a wrong shape, dtype or range; codes M13 and T06 for a soft one.
        """
        batch = check_outcome(self.form, scores, probabilities, nll, target, predictions, known)
        rows = len(batch.keys)
        examples, decided = torch.tensor(rows), torch.tensor(rows if predictions is not None else 0)
        shared = {"examples": examples, "decided": decided, "known": batch.rows_known(), "nll": batch.nll.sum()}
        self.totals.update(**shared, **self._sums(batch))
        self.table.update(batch.keys, batch.codes())

    def compute(self) -> dict[str, float]:
        """Every metric over all rows of all ranks; a collective call, also on a rank that had no rows.

        Decided metrics are left out unless every row came with predictions.
        """
        with self._gathered():
            values = self._values()
            left_out = frozenset[str]() if self._all_decided() else self.decided
        return {key: float(values[key]) for key in self.directions if key in values and key not in left_out}

    def per_class(self) -> dict[str, list[float]]:
        """One column per class figure over all rows of all ranks, NaN where undefined; a collective call.

        ``support`` (rows with the class), ``prevalence`` (their share of the rows where the class is known),
        ``average_precision``, and where every row came with predictions ``precision``, ``recall`` and ``f1``.
        """
        with self._gathered():
            counts = self.totals.total("counts")
            columns = {
                "support": counts[:, 0],
                "prevalence": counts[:, 0] / self.totals.total("known"),
                "average_precision": average_precision(*self.table.rows()),
            }
            if self._all_decided():
                columns |= {"precision": precision(counts), "recall": recall(counts), "f1": f1(counts)}
            return {name: column.tolist() for name, column in columns.items()}

    def examples(self) -> int:
        """How many rows of all ranks have a target of which anything is known; a collective call."""
        with self.totals.sync_context():
            return int(self.totals.total("examples"))

    def reset(self) -> None:
        """Forget all rows."""
        self.totals.reset()
        self.table.reset()

    def direction(self, key: str) -> Direction:
        """Whether the metric is better high (``"max"``) or low (``"min"``).

        Raises:
            HeadConfigError: code H10, for a metric this label type does not have, with the list and the nearest name.
        """
        if key not in self.directions:
            known = list(self.directions)
            problem = f"no metric {key!r} for {self.label_type}-label targets; allowed: {', '.join(known)}"
            raise HeadConfigError("H10", problem, (difflib.get_close_matches(key, known, 1, 0.0) or [self.watched])[0])
        return self.directions[key]

    def extra_repr(self) -> str:
        """The constructor's argument."""
        return f"num_classes={self.num_classes}"

    @contextmanager
    def _gathered(self) -> Iterator[None]:
        """Hold the states of all ranks inside the block, and this rank's own again afterwards.

        Nothing is cached: a rank that answered from a cache while another gathered would leave the other waiting.
        """
        self.totals.settle()
        self.table.settle()
        with self.totals.sync_context(), self.table.sync_context():
            yield

    def _all_decided(self) -> bool:
        """Whether every gathered row came with predictions."""
        return bool(self.totals.total("decided") == self.totals.total("examples"))

    def _mean(self, name: str) -> Float64[Tensor, ""]:
        """A sum over examples divided by their number; NaN without rows."""
        return self.totals.total(name) / self.totals.total("examples")
