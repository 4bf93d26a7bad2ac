"""Keys rank exactly as the scores do."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchheads.errors import NonFiniteError
from torchheads.metrics.keys import rank_key

GRID = [0.0, -0.0, 1e-45, 1e-30, 1e-8, 1.0, 16.7, 17.0, 37.0, 89.0, 104.0, 745.0, 6.5e4, 3e38, math.inf]


def ranks(values: torch.Tensor) -> list[int]:
    """Dense ranks: equal numbers share one, -0 equals +0."""
    return torch.unique(values + 0.0, return_inverse=True)[1].flatten().tolist()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_grid_keeps_order_and_ties(dtype: torch.dtype) -> None:
    scores = torch.tensor([GRID + [-value for value in GRID]], dtype=dtype)
    keys = rank_key(scores)
    assert keys.dtype == torch.float64
    assert bool((keys > 0).all())
    assert bool((keys < 1).all())
    assert ranks(keys) == ranks(scores)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=30))
@settings(deadline=None, max_examples=100)
def test_any_float32_keeps_order_and_ties(values: list[float]) -> None:
    scores = torch.tensor([values])
    assert ranks(rank_key(scores)) == ranks(scores)


@given(st.floats(min_value=2.0**-255, max_value=2.0**255), st.booleans())
@settings(deadline=None, max_examples=100)
def test_float64_neighbours_stay_apart(value: float, negative: bool) -> None:
    scores = torch.tensor([[value, math.nextafter(value, math.inf)]], dtype=torch.float64)
    low, high = rank_key(-scores.flip(1) if negative else scores)[0]
    assert low < high


def test_float64_outside_the_span_ties_and_stays_inside() -> None:
    keys = rank_key(torch.tensor([[1e-300, 0.0, 1e200, math.inf, -1e200, -1e-300]], dtype=torch.float64))[0].tolist()
    assert keys[0] == keys[1] == keys[5]
    assert 0 < keys[4] < keys[1] < keys[2] == keys[3] < 1


def test_by_hand() -> None:
    """Zero sits in the middle of the exponents: pattern 512 * 2**52 - 1, just under 2**(512 - 1023) = 2**-511."""
    assert rank_key(torch.zeros(1, 1)).item() == math.nextafter(2.0**-511, 0)


def test_non_contiguous_scores_give_contiguous_keys() -> None:
    scores = torch.arange(6.0).view(2, 3).T
    keys = rank_key(scores)
    assert keys.is_contiguous()
    assert keys.shape == (3, 2)
    assert ranks(keys) == ranks(scores)


def test_the_scores_are_left_alone() -> None:
    scores = torch.tensor([[-1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    assert not rank_key(scores).requires_grad
    assert scores.tolist() == [[-1.0, 2.0]]


def test_nan_is_refused() -> None:
    scores = torch.zeros(3, 2)
    scores[1, 0] = math.nan
    with pytest.raises(NonFiniteError, match=r"TH-L01: NaN score at row 1 of the batch, class 0 \(1 in all\)"):
        rank_key(scores)


def test_empty_rows_are_fine() -> None:
    assert rank_key(torch.zeros(0, 4)).shape == (0, 4)
