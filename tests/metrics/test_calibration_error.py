"""Calibration error agrees with a literal loop and with scikit-learn's calibration curve."""

import math

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve

from torchheads.metrics.calibration_error import NUM_BINS, bin_gaps, calibration_error


def error(confidence: torch.Tensor, outcome: torch.Tensor) -> float:
    """Expected calibration error of columns (n, k)."""
    examples = torch.tensor(float(len(confidence)), dtype=torch.float64)
    return float(calibration_error(bin_gaps(confidence, outcome), examples))


def literal(confidence: list[float], outcome: list[bool]) -> float:
    """The definition: rows sorted into 15 lists by comparing with the edges."""
    total = 0.0
    for i in range(NUM_BINS):
        low, high = i / NUM_BINS, (i + 1) / NUM_BINS
        rows = [(p, y) for p, y in zip(confidence, outcome, strict=True) if low < p <= high or (i == 0 and p == 0)]
        if rows:
            gap = sum(y for _, y in rows) / len(rows) - sum(p for p, _ in rows) / len(rows)
            total += len(rows) / len(confidence) * abs(gap)
    return total


@pytest.mark.parametrize("columns", [1, 4])
def test_literal_loop_with_edges(columns: int) -> None:
    random = torch.Generator().manual_seed(0)
    confidence = torch.rand(300, columns, generator=random, dtype=torch.float64)
    confidence[:16] = (torch.arange(16, dtype=torch.float64) / 15)[:, None]  # every edge, 0 and 1 among them
    outcome = torch.rand(300, columns, generator=random) < 0.6
    expected = [literal(confidence[:, k].tolist(), outcome[:, k].tolist()) for k in range(columns)]
    assert error(confidence, outcome) == pytest.approx(sum(expected) / columns, abs=1e-12)


def test_scikit_learn() -> None:
    random = torch.Generator().manual_seed(1)
    confidence = torch.rand(500, 1, generator=random, dtype=torch.float64).square()
    confidence[0], confidence[1] = 0.0, 1.0
    outcome = torch.rand(500, 1, generator=random) < confidence.sqrt()
    said = confidence[:, 0].numpy()
    rate, mean = calibration_curve(outcome[:, 0].numpy(), said, n_bins=NUM_BINS)
    sizes = np.bincount(np.searchsorted(np.linspace(0, 1, NUM_BINS + 1)[1:-1], said), minlength=NUM_BINS)
    expected = np.sum(np.abs(rate - mean) * sizes[sizes > 0]) / 500
    assert error(confidence, outcome) == pytest.approx(expected, abs=1e-12)


def test_zero_and_one_belong_to_the_outer_bins() -> None:
    """0 beside 0.05 and 1 beside 0.95 share a bin, so that opposite errors cancel: |0 - 1 + 0.05 - 0| / 2 a side."""
    confidence = torch.tensor([[0.0], [0.05], [1.0], [0.95]], dtype=torch.float64)
    outcome = torch.tensor([[True], [False], [False], [True]])
    assert error(confidence, outcome) == pytest.approx((0.95 + 0.95) / 4)
    gaps = bin_gaps(confidence, outcome)
    assert gaps.nonzero()[:, 1].tolist() == [0, NUM_BINS - 1]


def test_by_hand() -> None:
    """Confidence 0.9 three times, right twice: |2/3 - 0.9|."""
    assert error(
        torch.full((3, 1), 0.9, dtype=torch.float64), torch.tensor([[True], [True], [False]])
    ) == pytest.approx(0.9 - 2 / 3)


def test_columns_of_different_length() -> None:
    """Gaps 0.4 of 2 rows and 0.4 of 4 rows; a column without rows is left out: (0.2 + 0.1) / 2."""
    gaps = torch.zeros(3, NUM_BINS, dtype=torch.float64)
    gaps[:2, 4] = 0.4
    assert float(calibration_error(gaps, torch.tensor([2.0, 4.0, 0.0]).double())) == pytest.approx(0.15)


def test_no_rows_are_undefined() -> None:
    assert math.isnan(error(torch.zeros(0, 2, dtype=torch.float64), torch.zeros(0, 2, dtype=torch.bool)))
