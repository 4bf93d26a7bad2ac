"""`TopK`: at most k classes a row, perhaps only those above a threshold."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from torchheads.decisions import Threshold, TopK
from torchheads.errors import HeadConfigError

OUTPUTS = torch.tensor([[2.1, 4.0, 3.2, -1.0]])


def bound(rule, num_classes=4):
    rule.bind(num_classes)
    return rule


def test_the_articles_top_n_above_the_threshold():
    assert bound(TopK(3, 3.0, "logit"))(OUTPUTS).tolist() == [[False, True, True, False]]
    assert bound(TopK(1, 3.0, "logit"))(OUTPUTS).tolist() == [[False, True, False, False]]
    assert bound(TopK(2, 5.0, "logit"))(OUTPUTS).tolist() == [[False, False, False, False]]
    assert bound(TopK(3))(OUTPUTS).tolist() == [[True, True, True, False]]


@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(0.01, 0.99))
def test_both_conditions_at_once(seed, k, value):
    scores = torch.randn(6, 4, generator=torch.Generator().manual_seed(seed))
    chosen = bound(TopK(k, value))(scores)
    assert torch.equal(chosen, bound(TopK(k))(scores) & bound(Threshold(value))(scores))
    assert (chosen.sum(dim=1) <= k).all()
    assert (bound(TopK(k))(scores).sum(dim=1) == k).all()


def test_the_threshold_is_reached_by_equality():
    assert bound(TopK(1))(torch.zeros(1, 4)).tolist() == [[True, False, False, False]]
    assert bound(TopK(4, 0.5))(torch.zeros(1, 4)).all()


@pytest.mark.parametrize("k", [0, -1, 1.0, True, "2", None])
def test_an_impossible_number(k):
    with pytest.raises(HeadConfigError, match=r"TH-H03: TopK\(k=.*; allowed a whole number from 1.*Try: k=1"):
        TopK(k)


def test_more_than_there_are():
    with pytest.raises(
        HeadConfigError, match=r"TH-H03: TopK\(k=5\) for 4 classes; allowed 1\.\.4\. Try: decision\.k=4"
    ):
        TopK(5).bind(4)
    assert bound(TopK(4))(OUTPUTS).all()


def test_repr_and_state():
    assert repr(TopK(2, 0.7)) == "TopK(k=2, threshold=0.7, space='probability')"
    assert TopK(2).state_dict() == {}
    assert bound(TopK(2, 0.7)).state_dict()["cut"].shape == (4,)
    assert bound(TopK(2))(torch.zeros(0, 4)).shape == (0, 4)
    assert TopK(2).fitted
