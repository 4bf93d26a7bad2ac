"""Every metric of a head, fed from its logits in one line.

n examples, c classes, m = n x spatial positions (rows).
"""

import torch
from torch import Tensor, nn

from torchheads.decisions import DecisionRule
from torchheads.heads import ClassificationHead
from torchheads.metrics.base import Direction
from torchheads.metrics.outcome import hard_rows
from torchheads.metrics.suites import metric_suite
from torchheads.shapes import rows
from torchheads.targets import Target, TargetRows, densified, plain_target


class HeadMetrics(nn.Module):
    """The metric suite of a head's label type, and how to feed it from logits and target of any layout.

    Use it in place of `MetricSuite`, which wants scores, probabilities and losses row by row. It takes from the head
    what the head alone knows: what is unknown (``ignore_index``), calibration, and the decision, without which (while
    it is not fitted) the decided metrics are left out. The head comes with each batch and is not kept.

    Args:
        head: any head; only its label type and number of classes are read here.
        decision: what to decide by instead of the head's own rule, ready to use; None for the head's own.

    Example:
        >>> from torchheads import SoftmaxHead
        >>> head = SoftmaxHead(in_features=8, num_classes=2, ignore_index=255)
        >>> metrics = HeadMetrics(head)
        >>> metrics.update(head, torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]]), torch.tensor([0, 0, 255]))
        >>> metrics.compute()["accuracy"], metrics.examples()
        (0.5, 2)
    """

    def __init__(self, head: ClassificationHead, decision: DecisionRule | None = None) -> None:
        super().__init__()
        self.suite = metric_suite(head.label_type, head.num_classes)
        self.decision = decision

    @torch.no_grad()
    def update(self, head: ClassificationHead, logits: Tensor, target: Target, mask: Tensor | None = None) -> None:
        """Take in one batch; examples that only pad it must have been cut off.

        Args:
            head: the head whose logits these are.
            logits: shape (N, C) or (N, C, *spatial), of which each position is an example.
            target: as `ClassificationHead.loss` takes it, but hard and unmixed: a class is right or it is not.
            mask: bool as `ClassificationHead.loss` takes it, False where the target is unknown; None for everything.

        Raises:
            TargetError, DataError: for a target that does not fit head and logits; codes M13 (label sets) and T06
                (distributions) for soft ones, M16 for mixed ones.
            LogitsError: code L04, for logits of another shape.
            NonFiniteError: code L01, for NaN where the target is known.
        """
        scores, rule = rows(head.scores(logits)), (self.decision or head.decision).in_force
        target_rows = self._target_rows(head, logits, target, mask)
        self.suite.update(
            scores=scores,
            probabilities=rows(head.probabilities(logits)),
            nll=head.nll(logits, target, mask),
            target=target_rows.values,
            predictions=None if rule is None else rule(scores),
            known=target_rows.known,
        )

    def _target_rows(self, head: ClassificationHead, logits: Tensor, target: Target, mask: Tensor | None) -> TargetRows:
        """The checked target as the suite takes it. Softness is looked for first: no value of a soft one would do."""
        plain = plain_target(target, head.form.owner)
        head.form.check_form(plain, logits)
        dense, dense_mask = densified(plain, mask)
        values, known = head.form.rows(dense, dense_mask)
        hard = hard_rows(self.suite.form, values, known)
        head.form.check_values(dense, dense_mask)  # before any loss: a class there is not would end a CUDA process
        return TargetRows(hard, known)

    def compute(self) -> dict[str, float]:
        """Every metric over all examples of all ranks, as `MetricSuite.compute`; a collective call."""
        return self.suite.compute()

    def per_class(self) -> dict[str, list[float]]:
        """The table of `MetricSuite.per_class` over all examples of all ranks; a collective call."""
        return self.suite.per_class()

    def examples(self) -> int:
        """How many examples of all ranks had a target of which anything is known; a collective call."""
        return self.suite.examples()

    def reset(self) -> None:
        """Forget all examples."""
        self.suite.reset()

    @property
    def watched(self) -> str:
        """The metric that picks checkpoints; it needs no fitted decision."""
        return self.suite.watched

    def direction(self, key: str) -> Direction:
        """Whether the metric is better high (``"max"``) or low (``"min"``); as `MetricSuite.direction`."""
        return self.suite.direction(key)
