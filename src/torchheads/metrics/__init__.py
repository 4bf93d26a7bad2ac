"""Metrics: one suite per label type, the same for both heads, exact for every split into batches and ranks."""

from torchheads.metrics.base import MetricSuite
from torchheads.metrics.factory import metric_suite
from torchheads.metrics.keys import rank_key
from torchheads.metrics.multi_label import MultiLabelMetrics
from torchheads.metrics.single_label import SingleLabelMetrics

__all__ = ["MetricSuite", "MultiLabelMetrics", "SingleLabelMetrics", "metric_suite", "rank_key"]
