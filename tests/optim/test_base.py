"""The range check: what passes, and what the refusal says."""

import math

import pytest

from torchheads.errors import HeadConfigError
from torchheads.optim.base import check_range


@pytest.mark.parametrize("value", [0, 0.5, 0.999])
def test_numbers_inside_pass(value):
    check_range("optimizer.momentum", value, 0, 1, "optimizer.momentum=0.9")


@pytest.mark.parametrize("value", [-1e-9, 1, 1.0, math.nan, math.inf, -math.inf, "0.5", None, True, [0.5]])
def test_anything_else_is_refused_with_what_to_type(value):
    with pytest.raises(HeadConfigError) as caught:
        check_range("optimizer.momentum", value, 0, 1, "optimizer.momentum=0.9")
    expected = f"TH-H13: optimizer.momentum={value!r}; allowed a number from 0 and below 1. Try: optimizer.momentum=0.9"
    assert str(caught.value) == expected


def test_an_open_lower_end_refuses_the_end_itself():
    check_range("optimizer.lr", 0, 0, math.inf, "")
    with pytest.raises(HeadConfigError, match=r"allowed a number above 0$"):
        check_range("optimizer.lr", 0, 0, math.inf, "", open_low=True)
