"""Log-odds of a softmax against three witnesses, and where a softmax would long have become 1."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis.extra import numpy as st_numpy

from torchheads.links import log_odds

SHAPES = st.tuples(st.integers(1, 4), st.integers(2, 5))
MODERATE = st_numpy.arrays(np.float64, SHAPES, elements=st.floats(-8, 8)).map(torch.from_numpy)
ANY = st_numpy.arrays(np.float32, SHAPES, elements=st.floats(-1e4, 1e4, width=32)).map(torch.from_numpy)


def loop(logits):
    """z_c less the logarithm of the others' sum, one number at a time."""
    out = []
    for row in logits.tolist():
        top = max(row)
        out.append([])
        for c, z in enumerate(row):
            others = [math.exp(other - top) for j, other in enumerate(row) if j != c]
            out[-1].append(z - top - math.log(sum(others)))
    return torch.tensor(out, dtype=torch.float64)


def test_by_hand():
    # exp: 3, 1, 2; class 0 has odds 3 : 3, class 1 1 : 5, class 2 2 : 4
    scores = log_odds(torch.tensor([[math.log(3), 0.0, math.log(2)]], dtype=torch.float64))
    expected = torch.tensor([[0.0, -math.log(5), -math.log(2)]], dtype=torch.float64)
    torch.testing.assert_close(scores, expected)


@given(MODERATE)
def test_log_odds_are_the_loop(logits):
    torch.testing.assert_close(log_odds(logits), loop(logits), rtol=1e-9, atol=1e-9)


@given(MODERATE)
def test_log_odds_are_scipys(logits):
    expected = scipy.special.logit(scipy.special.softmax(logits.numpy(), axis=1))
    np.testing.assert_allclose(log_odds(logits).numpy(), expected, rtol=1e-6, atol=1e-8)
    back = scipy.special.expit(log_odds(logits).numpy())
    np.testing.assert_allclose(back, scipy.special.softmax(logits.numpy(), axis=1), rtol=1e-9)


@given(ANY)
def test_float32_is_as_good_as_float64(logits):
    scale = logits.abs().max().item() + 1
    torch.testing.assert_close(log_odds(logits).double(), log_odds(logits.double()), rtol=1e-5, atol=1e-6 * scale)


@given(ANY)
def test_scores_are_finite_and_in_the_order_of_the_logits(logits):
    scores = log_odds(logits)
    assert scores.isfinite().all()
    ranked = scores.gather(1, logits.argsort(dim=1))
    assert (ranked.diff(dim=1) >= 0).all()
    # the largest class never loses its place, where it leads by more than rounding
    top = logits.topk(2, dim=1).values
    clear = top[:, 0] - top[:, 1] > 1e-6 * (1 + top.abs().amax(dim=1))
    assert torch.equal(scores.argmax(dim=1)[clear], logits.argmax(dim=1)[clear])


@given(ANY, st.sampled_from([-1e3, -1.0, 0.5, 64.0, 1e3]))
def test_a_constant_added_to_a_row_changes_nothing(logits, shift):
    scale = logits.abs().max().item() + abs(shift) + 1
    torch.testing.assert_close(log_odds(logits + shift), log_odds(logits), rtol=1e-5, atol=2e-6 * scale)


@pytest.mark.parametrize("classes", [2, 3, 7, 1000])
@pytest.mark.parametrize("value", [0.0, 0.1, 100.0, -37.7, 1e4])
def test_equal_logits_have_equal_scores(classes, value):
    scores = log_odds(torch.full((1, classes), value))
    assert scores.unique().numel() == 1
    assert scores[0, 0].item() == pytest.approx(-math.log(classes - 1), abs=1e-6)


def test_two_classes_mirror_each_other():
    logits = torch.randn(50, 2, dtype=torch.float64) * 5
    difference = logits[:, 1] - logits[:, 0]
    torch.testing.assert_close(log_odds(logits), torch.stack([-difference, difference], dim=1))


def test_no_saturation():
    # probabilities are 1.0 for all of these in float32; the scores still tell them apart
    logits = torch.tensor([[97.0, 0.0], [98.0, 0.0], [99.0, 0.0], [1e4, -1e4]])
    assert (logits.softmax(dim=1)[:, 0] == 1).all()
    assert log_odds(logits)[:, 0].tolist() == [97, 98, 99, 2e4]
    assert log_odds(logits)[:, 1].tolist() == [-97, -98, -99, -2e4]


def test_a_class_ruled_out_scores_minus_infinity():
    scores = log_odds(torch.tensor([[-math.inf, 0.0, 0.0]]))
    assert scores[0, 0] == -math.inf
    torch.testing.assert_close(scores[0, 1:], torch.zeros(2), atol=1e-6, rtol=0)


@pytest.mark.parametrize("logits", [[[0.3, -1.2, 2.0]], [[5.0, -5.0, 0.0]], [[0.1, 0.2, 0.3]]])
def test_gradients(logits):
    logits = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(log_odds, logits)


@pytest.mark.parametrize("logits", [[[1e4, -1e4, 0.0]], [[0.0, 0.0, 0.0]], [[50.0, 0.0, 0.0]]])
def test_gradients_stay_finite(logits):
    logits = torch.tensor(logits, requires_grad=True)
    log_odds(logits).sum().backward()
    assert logits.grad.isfinite().all()


def test_no_row():
    assert log_odds(torch.zeros(0, 3)).shape == (0, 3)
