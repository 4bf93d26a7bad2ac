"""Every metric of multi-label classification: any set of labels an example, the empty one included.

n examples, c classes.
"""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from torchheads.metrics.base import Direction, MetricSuite
from torchheads.metrics.calibration_error import NUM_BINS, bin_gaps, calibration_error
from torchheads.metrics.counts import f1, label_counts
from torchheads.metrics.curves import auroc, average_precision, micro_average_precision
from torchheads.metrics.label_ranking import label_ranking
from torchheads.metrics.outcome import Outcome
from torchheads.targets import LabelSet


class MultiLabelMetrics(MetricSuite):
    """Ranking, decisions, loss and calibration of label sets; `SingleLabelMetrics` is for exactly one class.

    Over labels: ``mean_average_precision`` (labels with positives), ``micro_average_precision`` (all entries as one
    label), ``macro_auroc`` (labels with positives and negatives), ``macro_f1`` (labels in target or predictions),
    ``micro_f1``, ``ece`` (mean over labels, 15 bins), ``undefined_labels`` (labels without positives: how many the mean
    average precision leaves out). Over examples: ``samples_f1`` (rows where target or prediction holds a label; an
    empty set predicted as empty has no F1 and is left out, as in scikit-learn with ``zero_division=nan``;
    ``exact_match`` counts it), ``exact_match``, ``ranking_loss``, ``label_ranking_average_precision``,
    ``coverage_error`` (scikit-learn's conventions for rows with no or all labels), ``nll`` (nats, summed over labels).
    Over entries: ``hamming_loss``, ``brier``. An entry that is not known leaves its label, its row and all entries: a
    label is ranked over the rows where it is known, a row over the labels known of it.

    Args:
        num_classes: number of labels C, at least 1 (a yes-or-no question is C = 1).

    Example:
        >>> suite = MultiLabelMetrics(num_classes=2)
        >>> target, predictions = torch.tensor([[1, 0], [0, 0]]), torch.tensor([[True, False], [False, False]])
        >>> probabilities = torch.tensor([[0.8, 0.2], [0.4, 0.1]])
        >>> said = dict(scores=probabilities.logit(), probabilities=probabilities, predictions=predictions)
        >>> suite.update(nll=torch.tensor([0.45, 0.62]), target=target, **said)
        >>> values = suite.compute()
        >>> values["mean_average_precision"], values["exact_match"], values["undefined_labels"]
        (1.0, 1.0, 1.0)
    """

    label_type = "multi"
    watched = "mean_average_precision"
    directions: ClassVar[dict[str, Direction]] = {
        "mean_average_precision": "max",
        "micro_average_precision": "max",
        "macro_auroc": "max",
        "macro_f1": "max",
        "micro_f1": "max",
        "samples_f1": "max",
        "exact_match": "max",
        "hamming_loss": "min",
        "ranking_loss": "min",
        "label_ranking_average_precision": "max",
        "coverage_error": "min",
        "nll": "min",
        "brier": "min",
        "ece": "min",
        "undefined_labels": "min",
    }
    decided: ClassVar[frozenset[str]] = frozenset({"macro_f1", "micro_f1", "samples_f1", "exact_match", "hamming_loss"})

    def __init__(self, num_classes: int) -> None:
        whole, real = torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.float64)
        super().__init__(
            LabelSet(num_classes, None, type(self).__name__),
            **dict.fromkeys(("exact", "wrong", "f1_rows"), whole),
            **dict.fromkeys(("f1", "ranking_loss", "label_ranking_average_precision", "coverage_error"), real),
            gaps=torch.zeros(num_classes, NUM_BINS, dtype=torch.float64),
        )

    def _sums(self, batch: Outcome) -> dict[str, Tensor]:
        """What a batch adds to each sum."""
        ranking = label_ranking(batch.keys, batch.hot, batch.known)
        sums = {
            "counts": label_counts(batch.hot, batch.predictions),
            "brier": (batch.probabilities - batch.hot.double()).square().sum(),
            "gaps": bin_gaps(batch.probabilities, batch.hot),
            "ranking_loss": ranking.loss.sum(),
            "label_ranking_average_precision": ranking.average_precision.sum(),
            "coverage_error": ranking.coverage.sum(),
        }
        return sums if batch.predictions is None else sums | set_sums(batch.hot, batch.predictions)

    def _values(self) -> dict[str, Tensor]:
        """Every metric from the gathered states."""
        counts, (keys, target) = self.totals.total("counts"), self.table.rows()
        known = self.totals.total("known")
        return {
            "mean_average_precision": average_precision(keys, target).nanmean(),
            "micro_average_precision": micro_average_precision(keys, target),
            "macro_auroc": auroc(keys, target).nanmean(),
            "macro_f1": f1(counts).nanmean(),
            "micro_f1": f1(counts.sum(dim=0)),
            "samples_f1": self.totals.total("f1") / self.totals.total("f1_rows"),
            "exact_match": self._mean("exact"),
            "hamming_loss": self.totals.total("wrong") / known.sum(),
            "ranking_loss": self._mean("ranking_loss"),
            "label_ranking_average_precision": self._mean("label_ranking_average_precision"),
            "coverage_error": self._mean("coverage_error"),
            "nll": self._mean("nll"),
            "brier": self.totals.total("brier") / known.sum(),
            "ece": calibration_error(self.totals.total("gaps"), known),
            "undefined_labels": (counts[:, 0] == 0).sum(),
        }


def set_sums(target: Bool[Tensor, "n c"], predictions: Bool[Tensor, "n c"]) -> dict[str, Float64[Tensor, ""] | Tensor]:
    """How well each predicted set fits, added over rows: exact matches, wrong entries, F1 and the rows that have one.

    An entry that is False in both, as unknown ones are, changes nothing.

    Example:
        >>> sums = set_sums(torch.tensor([[True, False], [False, False]]), torch.tensor([[True, True], [False, False]]))
        >>> {name: round(float(value), 3) for name, value in sums.items()}
        {'exact': 1.0, 'wrong': 1.0, 'f1': 0.667, 'f1_rows': 1.0}
    """
    wrong = (target != predictions).sum(dim=1)
    counts = torch.stack([target.sum(dim=1), predictions.sum(dim=1), (target & predictions).sum(dim=1)], dim=1)
    per_row = f1(counts.double())
    return {
        "exact": (wrong == 0).sum(),
        "wrong": wrong.sum(),
        "f1": per_row.nansum(),
        "f1_rows": (~per_row.isnan()).sum(),
    }
