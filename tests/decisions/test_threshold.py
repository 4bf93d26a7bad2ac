"""`Threshold`: each class judged against a number known beforehand; equality counts."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given

from torchheads.decisions import Threshold
from torchheads.errors import HeadConfigError


def bound(rule, num_classes):
    rule.bind(num_classes)
    return rule


def test_the_articles_threshold():
    scores = torch.tensor([[2.1, 4.0, 3.2, -1.0]])
    assert bound(Threshold(3.0, space="logit"), 4)(scores).tolist() == [[False, True, True, False]]


@pytest.mark.parametrize("value", [0.5, 0.7, 0.05, 0.999])
def test_equality_counts(value):
    cut = np.float32(math.log(value / (1 - value)))
    rule = bound(Threshold(value), 1)
    just = torch.tensor([[float(rule.cut)]])
    assert float(rule.cut) == pytest.approx(float(cut), rel=1e-6)
    assert rule(just).item()
    assert not rule(torch.nextafter(just, torch.tensor(-math.inf))).item()


def test_unnamed_is_one_half_and_no_probability_below_it():
    rule = bound(Threshold(), 3)
    assert not rule.named
    assert Threshold(0.5).named
    assert rule(torch.tensor([[0.0, -1e-30, 1e-30]])).tolist() == [[True, False, True]]


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4), st.integers(0, 10**6))
def test_one_threshold_a_class(values, seed):
    scores = torch.randn(5, len(values), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3
    expected = scipy.special.expit(scores.numpy()) >= np.array(values)
    clear = np.abs(scores.numpy() - scipy.special.logit(values)) > 1e-5
    chosen = bound(Threshold(values), len(values))(scores).numpy()
    assert (chosen == expected)[clear].all()


def test_everything_and_nothing():
    scores = torch.tensor([[-1e4, 1e4]])
    assert bound(Threshold(0), 2)(scores).all()
    assert not bound(Threshold(1), 2)(scores).any()


def test_a_list_of_the_wrong_length():
    with pytest.raises(
        HeadConfigError, match=r"TH-H03: 2 thresholds for 3 classes; allowed one, or one a class\. Try: deci"
    ):
        Threshold([0.5, 0.5]).bind(3)


def test_binding_again_is_the_same():
    rule = bound(bound(Threshold(0.9), 3), 3)
    assert rule.cut.shape == (3,)
    assert bound(rule, 2).cut.shape == (2,)


def test_no_row_and_repr():
    rule = bound(Threshold(3.0, space="logit"), 2)
    assert rule(torch.zeros(0, 2)).shape == (0, 2)
    assert repr(rule) == "Threshold(value=3.0, space='logit')"
    assert rule.fitted


@pytest.mark.parametrize("num_classes", [1, 3])
def test_it_answers_every_row(num_classes):
    rule = bound(Threshold(0.9), num_classes)
    assert rule.abstains(torch.zeros(4, num_classes)).tolist() == [False] * 4
    assert rule.abstains(torch.zeros(0, num_classes)).shape == (0,)
