"""The metric suite of a label type."""

from torchheads.errors import HeadConfigError
from torchheads.metrics.base import MetricSuite
from torchheads.metrics.multi_label import MultiLabelMetrics
from torchheads.metrics.single_label import SingleLabelMetrics

_SUITES: dict[str, type[SingleLabelMetrics] | type[MultiLabelMetrics]] = {
    suite.label_type: suite for suite in (SingleLabelMetrics, MultiLabelMetrics)
}


def metric_suite(label_type: str, num_classes: int) -> MetricSuite:
    """The suite that scores targets of this label type, for either head.

    Args:
        label_type: ``"single"`` or ``"multi"``, as the data have it.
        num_classes: number of classes C, at least 1.

    Raises:
        HeadConfigError: code H10 for an unknown label type, H01 for a number of classes below 1.

    Example:
        >>> metric_suite("multi", 20).watched
        'mean_average_precision'
    """
    if label_type not in _SUITES:
        problem = f"metric_suite got label_type={label_type!r}; allowed {', '.join(map(repr, _SUITES))}"
        raise HeadConfigError("H10", problem, 'label_type="single" or label_type="multi"')
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        problem = f"metric_suite got num_classes={num_classes!r}; allowed whole numbers >= 1"
        raise HeadConfigError("H01", problem, "num_classes=10")
    return _SUITES[label_type](num_classes)
