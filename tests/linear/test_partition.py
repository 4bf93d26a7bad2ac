"""Sums over classes that come in chunks: those of all at once, whichever chunk holds the largest."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.linear.partition import Partition, Rivals
from torchheads.links import log_odds


def rivals_of(logits, size):
    rivals = Rivals(len(logits), like=logits)
    for part in logits.clone().split(size, dim=1):
        rivals.add(part)
    return rivals


@pytest.mark.parametrize("size", [1, 2, 9])
def test_a_partition_is_the_sum_of_exponentials(size):
    logits = 5 * torch.randn(4, 9, dtype=torch.float64)
    partition = Partition(4, like=logits)
    for part in logits.clone().split(size, dim=1):
        partition.add(part)
    torch.testing.assert_close(partition.log, logits.logsumexp(dim=1))


@pytest.mark.parametrize("size", [1, 2, 3, 9])
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1e4])
def test_log_odds_are_the_dense_ones(size, scale):
    for dtype in (torch.float32, torch.float64):
        logits = scale * torch.randn(50, 9, dtype=dtype)
        found = rivals_of(logits, size).log_odds(logits)
        torch.testing.assert_close(found, log_odds(logits), rtol=1e-5, atol=1e-5)


@given(st.permutations([3.0, 3.0, -1.0, 0.5, -20.0]), st.integers(1, 5))
def test_the_largest_may_be_anywhere_and_twice(values, size):
    logits = torch.tensor([values])
    torch.testing.assert_close(rivals_of(logits, size).log_odds(logits), log_odds(logits))


def test_by_hand():
    # exp: 1, 2, 5 -> odds 1/7, 2/6, 5/3
    logits = torch.tensor([[1.0, 2.0, 5.0]]).log()
    expected = torch.tensor([[-math.log(7), -math.log(3), math.log(5 / 3)]])
    torch.testing.assert_close(rivals_of(logits, 2).log_odds(logits), expected)


def test_classes_ruled_out():
    logits = torch.tensor([[-math.inf, -math.inf, 0.0, 0.0], [-math.inf, -math.inf, -math.inf, 2.0]])
    found = rivals_of(logits, 1).log_odds(logits)
    assert found.tolist() == [[-math.inf, -math.inf, 0.0, 0.0], [-math.inf, -math.inf, -math.inf, math.inf]]


def test_no_rows():
    assert rivals_of(torch.zeros(0, 4), 2).log_odds(torch.zeros(0, 4)).shape == (0, 4)
