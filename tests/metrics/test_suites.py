"""The label type picks the suite."""

from typing import Any

import pytest

from torchheads.errors import HeadConfigError
from torchheads.metrics import MultiLabelMetrics, SingleLabelMetrics, metric_suite


@pytest.mark.parametrize(("label_type", "expected"), [("single", SingleLabelMetrics), ("multi", MultiLabelMetrics)])
def test_suites(label_type: str, expected: type) -> None:
    suite = metric_suite(label_type, 4)
    assert type(suite) is expected
    assert suite.label_type == label_type
    assert suite.num_classes == 4
    assert repr(suite).startswith(f"{expected.__name__}(\n  num_classes=4")


def test_unknown_label_type() -> None:
    with pytest.raises(HeadConfigError, match=r"TH-H10: .*label_type='multiclass'; allowed 'single', 'multi'"):
        metric_suite("multiclass", 4)


@pytest.mark.parametrize("num_classes", [0, -3, 2.5, True])
def test_number_of_classes(num_classes: Any) -> None:
    with pytest.raises(HeadConfigError, match=r"TH-H01: .*num_classes="):
        metric_suite("single", num_classes)
