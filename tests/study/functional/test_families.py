"""Holm's correction against its definition."""

import sys

import numpy as np
import pytest

from torchheads.errors import DataError, HeadConfigError
from torchheads.study.functional.families import holm


def looped(p_values: list[float]) -> list[float]:
    """Step down from the smallest."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for step, index in enumerate(order):
        largest = max(largest, min((len(p_values) - step) * p_values[index], 1.0))
        adjusted[index] = largest
    return adjusted


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_holm_is_the_loop(size):
    p_values = (np.random.default_rng(size).random(size) ** 3).tolist()
    assert holm(p_values) == pytest.approx(looped(p_values))


def test_holm_by_hand():
    # 3 * 0.01, 2 * 0.02, then not below the one before
    assert holm([0.03, 0.02, 0.01]) == pytest.approx([0.04, 0.04, 0.03])
    assert holm([0.9, 0.6]) == [1, 1]


def test_what_is_no_family():
    with pytest.raises(DataError, match=r"^TH-P01: no p-values; allowed one or more"):
        holm([])
    with pytest.raises(DataError, match=r"^TH-P02: a p-value of 1.5; allowed 0 to 1"):
        holm([0.5, 1.5])
    with pytest.raises(DataError, match=r"^TH-P02: p_values with nan at \(0,\)"):
        holm([np.nan])


def test_without_statsmodels(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "statsmodels.stats.multitest", None)
    with pytest.raises(HeadConfigError, match=r"^TH-P06: Holm's correction .* Try: pip install 'torchheads\[study\]'"):
        holm([0.1])
