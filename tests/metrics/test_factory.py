"""A head is judged by the metrics of its label type, and a default decision is ready to use."""

import pytest
import torch

from torchheads import Argmax, SigmoidHead, SoftmaxHead, Threshold
from torchheads.heads import ClassificationHead
from torchheads.metrics import HeadMetrics, default_decision, head_metrics

HEADS = [SoftmaxHead(4, 3), SoftmaxHead(4, 3, label_type="multi"), SigmoidHead(4, 3), SigmoidHead(4, 1)]


@pytest.mark.parametrize("head", HEADS)
def test_the_metrics_of_a_head(head: ClassificationHead) -> None:
    metrics = head_metrics(head)
    assert type(metrics) is HeadMetrics
    assert metrics.suite.label_type == head.label_type
    assert metrics.suite.num_classes == head.num_classes
    assert metrics.decision is None
    rule = Argmax() if head.label_type == "single" else Threshold(0.9)
    assert head_metrics(head, rule).decision is rule


@pytest.mark.parametrize("head", HEADS)
def test_a_default_decision_is_bound_and_fitted(head: ClassificationHead) -> None:
    rule = default_decision(head)
    assert rule.fitted
    assert rule is not head.decision
    assert rule.label_type == head.label_type
    said = rule(torch.zeros(2, head.num_classes))
    assert said.shape == ((2,) if head.label_type == "single" else (2, head.num_classes))
    if head.label_type == "multi":
        assert rule.cut.shape == (head.num_classes,)  # type: ignore[union-attr]
