"""The best classes chunk by chunk: exactly the first of a stable sort of all of them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchheads.errors import HeadConfigError, LogitsError
from torchheads.linear import linear_top_k, ranking
from torchheads.linear.ranking import stable_top_k


def dense_top_k(features, weight, bias, k):
    """A slow literal loop: Python's own sort, which is stable."""
    logits = torch.nn.functional.linear(features, weight, bias)
    places = [sorted(range(len(row)), key=lambda c: -row[c])[:k] for row in logits.tolist()]
    indices = torch.tensor(places, dtype=torch.int64).view(len(logits), k)
    return logits.gather(1, indices), indices


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(1, 40), st.integers(1, 41), st.data())
def test_values_and_indices_of_a_stable_sort(rows, classes, chunk, data):
    # small whole numbers: products are exact, whatever their order, and most of them tie
    k = data.draw(st.integers(1, classes))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 1000)))
    features, weight, bias = (
        torch.randint(-1, 2, shape, generator=generator).float() for shape in ((rows, 3), (classes, 3), (classes,))
    )
    found = linear_top_k(features, weight, bias, k, chunk_classes=chunk)
    values, indices = dense_top_k(features, weight, bias, k)
    assert torch.equal(found.values, values)
    assert torch.equal(found.indices, indices)


@pytest.mark.parametrize("k", [1, 5, 300])
def test_realistic(k):
    features, weight = torch.randn(20, 16, dtype=torch.float64), torch.randn(5000, 16, dtype=torch.float64)
    found = linear_top_k(features, weight, None, k, chunk_classes=272)
    values, indices = (features @ weight.t()).topk(k)
    torch.testing.assert_close(found.values, values)
    assert torch.equal(found.indices, indices)


def test_all_equal_is_the_first_classes():
    found = linear_top_k(torch.ones(2, 1), torch.ones(1000, 1), None, 7, chunk_classes=4)
    assert found.indices.tolist() == [list(range(7))] * 2


def test_classes_ruled_out_come_last():
    bias = torch.tensor([-math.inf, 1.0, -math.inf, 2.0])
    found = linear_top_k(torch.zeros(1, 1), torch.zeros(4, 1), bias, 4, chunk_classes=1)
    assert found.indices.tolist() == [[3, 1, 0, 2]]


def test_nan_comes_first_and_is_not_passed_over():
    bias = torch.tensor([1.0, 3.0, math.nan, 2.0])
    found = linear_top_k(torch.zeros(1, 1), torch.zeros(4, 1), bias, 2, chunk_classes=1)
    assert found.indices.tolist() == [[2, 1]]


def test_rows_that_gain_nothing_are_left_alone(monkeypatch):
    seen = []

    def watched(values, k):
        seen.append(len(values))
        return stable_top_k(values, k)

    monkeypatch.setattr(ranking, "stable_top_k", watched)
    weight = torch.tensor([[5.0], [4.0], [4.0], [3.0], [9.0], [0.0]])
    found = linear_top_k(torch.tensor([[1.0], [-1.0]]), weight, None, 2, chunk_classes=2)
    assert found.indices.tolist() == [[4, 0], [5, 3]]
    assert seen == [2, 1, 2]  # the second chunk repeats a 4 of the first row, and betters the second row alone


def test_nothing_is_differentiated():
    weight = torch.ones(4, 2, requires_grad=True)
    assert not linear_top_k(torch.ones(1, 2), weight, None, 2).values.requires_grad


def test_autocast_keeps_the_sums_in_float32():
    features, weight = torch.randn(4, 8), torch.randn(50, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = linear_top_k(features, weight, None, 3, chunk_classes=16)
    assert found.values.dtype == torch.float32
    torch.testing.assert_close(found.values, (features @ weight.t()).topk(3).values, rtol=0.05, atol=0.1)


@pytest.mark.parametrize("k", [0, 5, True, 1.0])
def test_a_number_of_classes_that_there_is_not(k):
    with pytest.raises(HeadConfigError, match=r"TH-H03: the best k=.* of 4 classes; allowed 1\.\.4"):
        linear_top_k(torch.zeros(1, 2), torch.zeros(4, 2), None, k)


def test_features_of_another_dtype():
    with pytest.raises(LogitsError, match="TH-L04"):
        linear_top_k(torch.zeros(1, 2).double(), torch.zeros(4, 2), None, 1)
