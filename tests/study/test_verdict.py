"""Verdicts, word for word."""

import pytest

from torchheads.study.base import Difference
from torchheads.study.verdict import bounds, decimals_for, verdict


def difference(estimate: float, low: float, high: float, p_value: float, level: float = 0.95) -> Difference:
    return Difference(estimate, low, high, level, 0.01, 20.0, p_value)


AHEAD, BEHIND = difference(0.021, 0.010, 0.032, 0.001), difference(-0.021, -0.032, -0.010, 0.001)
OPEN = difference(-0.004, -0.012, 0.005, 0.3)


@pytest.mark.parametrize(
    ("found", "options", "expected"),
    [
        (AHEAD, {}, "sigmoid is better by 0.021 (0.010 to 0.032)"),
        (BEHIND, {}, "softmax is better by 0.021 (0.010 to 0.032)"),
        (AHEAD, {"higher_is_better": False}, "softmax is better by 0.021 (0.010 to 0.032)"),
        (BEHIND, {"higher_is_better": False}, "sigmoid is better by 0.021 (0.010 to 0.032)"),
        (OPEN, {}, "no difference shown (-0.004, -0.012 to 0.005)"),
        (OPEN, {"higher_is_better": False}, "no difference shown (-0.004, -0.012 to 0.005)"),
        (OPEN, {"adjusted": 0.01}, "no difference shown (-0.004, -0.012 to 0.005)"),
        (AHEAD, {"adjusted": 0.05}, "sigmoid is better by 0.021 (0.010 to 0.032)"),
        (AHEAD, {"adjusted": 0.06}, "no difference shown among so many comparisons (0.021, 0.010 to 0.032)"),
        (difference(0, 0, 0, 1.0), {}, "no difference shown (0.000, 0.000 to 0.000)"),
        (difference(1, 1, 1, 0.0), {}, "sigmoid is better by 1.000 (1.000 to 1.000)"),
        (difference(0.021, 0.010, 0.032, 0.08, 0.9), {}, "sigmoid is better by 0.021 (0.010 to 0.032)"),
        (difference(0.00021, 0.0001, 0.0003, 0.01), {}, "sigmoid is better by 0.00021 (0.00010 to 0.00030)"),
    ],
)
def test_the_words(found, options, expected):
    assert verdict(found, "sigmoid", "softmax", **options) == expected


def test_a_rounded_zero_has_no_sign():
    assert bounds(-1e-9, -0.5, 1e-9, 3, ": ") == "0.000: -0.500 to 0.000"


@pytest.mark.parametrize(
    ("width", "decimals"), [(0.0, 3), (5.0, 3), (0.02, 3), (0.0099, 4), (0.0004, 5), (1e-12, 9), (0.01, 3)]
)
def test_two_digits_of_the_width_are_shown(width, decimals):
    assert decimals_for(width) == decimals
