"""Every metric of single-label classification: exactly one class an example.

n examples, c classes.
"""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from torchheads.decisions.functional.answers import largest
from torchheads.metrics.base import Direction, MetricSuite
from torchheads.metrics.calibration_error import NUM_BINS, bin_gaps, calibration_error
from torchheads.metrics.counts import class_counts, f1, recall
from torchheads.metrics.curves import auroc
from torchheads.metrics.outcome import REJECTED, Outcome
from torchheads.targets import ClassIndex


class SingleLabelMetrics(MetricSuite):
    """Accuracy, ranking, loss and calibration of class predictions; `MultiLabelMetrics` is for sets of labels.

    ``accuracy``: share of right predictions. ``top5_accuracy``: share of targets among the five highest scores (left
    out for five classes or fewer). ``balanced_accuracy``: mean recall of the classes in the target. ``macro_f1``: mean
    F1 of the classes in target or predictions. ``macro_auroc``: mean one-vs-rest AUROC of the classes with positives
    and negatives. ``nll``: nats. ``brier``: sum_c (p_c - y_c)^2, in [0, 2] for a softmax. ``ece``: calibration error of
    the top label in 15 bins. ``rejected``: share of rows answered with "none of these" (-1), which every other decided
    metric counts as a wrong answer of no class; ``selective_accuracy``: share of right predictions among the rows that
    were answered. Both are left out while none is rejected.

    Args:
        num_classes: number of classes C, at least 1.

    Example:
        >>> suite = SingleLabelMetrics(num_classes=2)
        >>> probabilities = torch.tensor([[0.8, 0.2], [0.4, 0.6]])
        >>> right = dict(nll=-probabilities.amax(dim=1).log(), target=torch.tensor([0, 1]))
        >>> suite.update(scores=probabilities.logit(), probabilities=probabilities, **right)
        >>> {name: round(value, 4) for name, value in suite.compute().items()}
        {'macro_auroc': 1.0, 'nll': 0.367, 'brier': 0.2, 'ece': 0.3}
    """

    label_type = "single"
    watched = "accuracy"
    directions: ClassVar[dict[str, Direction]] = {
        "accuracy": "max",
        "top5_accuracy": "max",
        "balanced_accuracy": "max",
        "macro_f1": "max",
        "macro_auroc": "max",
        "nll": "min",
        "brier": "min",
        "ece": "min",
        "rejected": "min",
        "selective_accuracy": "max",
    }
    decided: ClassVar[frozenset[str]] = frozenset(
        {"accuracy", "balanced_accuracy", "macro_f1", "rejected", "selective_accuracy"}
    )

    def __init__(self, num_classes: int) -> None:
        whole = torch.zeros((), dtype=torch.int64)
        super().__init__(
            ClassIndex(num_classes, None, type(self).__name__),
            **dict.fromkeys(("top5", "rejected"), whole),
            gaps=torch.zeros(1, NUM_BINS, dtype=torch.float64),
        )

    def _sums(self, batch: Outcome) -> dict[str, Tensor]:
        """What a batch adds to each sum."""
        top = largest(batch.keys).unsqueeze(1)  # by score: probabilities saturate and would tie
        sums = {
            "counts": class_counts(batch.truth, batch.predictions, self.num_classes),
            "brier": (batch.probabilities - batch.hot.double()).square().sum(),
            "top5": among_highest(batch.keys, batch.truth, 5).sum(),
            "gaps": bin_gaps(batch.probabilities.gather(1, top), batch.hot.gather(1, top)),
        }
        return sums if batch.predictions is None else sums | {"rejected": (batch.predictions == REJECTED).sum()}

    def _values(self) -> dict[str, Tensor]:
        """Every metric from the gathered states."""
        counts = self.totals.total("counts")
        values = {
            "accuracy": counts[:, 2].sum() / self.totals.total("examples"),
            "balanced_accuracy": recall(counts).nanmean(),
            "macro_f1": f1(counts).nanmean(),
            "macro_auroc": auroc(*self.table.rows()).nanmean(),
            "nll": self._mean("nll"),
            "brier": self._mean("brier"),
            "ece": calibration_error(self.totals.total("gaps"), self.totals.total("examples")),
        }
        if self.num_classes > 5:
            values["top5_accuracy"] = self._mean("top5")
        if self.totals.total("rejected") > 0:
            values["rejected"] = self._mean("rejected")
            answered = self.totals.total("examples") - self.totals.total("rejected")
            values["selective_accuracy"] = counts[:, 2].sum() / answered
        return values


def among_highest(keys: Float64[Tensor, "n c"], target: Int64[Tensor, "n"], k: int) -> Bool[Tensor, "n"]:
    """Whether each target is among its row's k highest classes, shape (n,); among equals the lowest index comes first.

    Example:
        >>> among_highest(torch.tensor([[0.9, 0.5, 0.5]], dtype=torch.float64), torch.tensor([2]), 2)
        tensor([False])
    """
    position = target.unsqueeze(1)
    own = keys.gather(1, position)
    earlier = torch.arange(keys.shape[1], device=keys.device) < position
    return ((keys > own) | ((keys == own) & earlier)).sum(dim=1) < k
