"""Metrics: one suite per label type, the same for both heads, exact for every split into batches and ranks."""

from torchheads.metrics.base import MetricSuite
from torchheads.metrics.epoch_loss import EpochLoss, EpochMean
from torchheads.metrics.extreme_metrics import ExtremeMetrics
from torchheads.metrics.factory import default_decision, head_metrics
from torchheads.metrics.head_metrics import HeadMetrics
from torchheads.metrics.keys import rank_key
from torchheads.metrics.multi_head_metrics import MultiHeadMetrics
from torchheads.metrics.multi_label import MultiLabelMetrics
from torchheads.metrics.single_label import SingleLabelMetrics
from torchheads.metrics.suites import metric_suite

__all__ = [
    "EpochLoss",
    "EpochMean",
    "ExtremeMetrics",
    "HeadMetrics",
    "MetricSuite",
    "MultiHeadMetrics",
    "MultiLabelMetrics",
    "SingleLabelMetrics",
    "default_decision",
    "head_metrics",
    "metric_suite",
    "rank_key",
]
