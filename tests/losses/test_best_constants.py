"""The constant logits of focal and asymmetric losses: against scipy's minimisers, and where there is no minimum."""

import math

import hypothesis.strategies as st
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings

from torchheads.losses.best_constants import (
    asymmetric_constants,
    binary_focal_constants,
    falling_root,
    focal_constants,
    log_steepness,
)

PRIORS = st.floats(0.001, 0.999)
GAMMAS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])


def least(loss):
    """Where a function of one probability is least; by a search in z that knows nothing of slopes."""
    return scipy.optimize.minimize_scalar(
        lambda z: loss(1 / (1 + math.exp(-z))), bounds=(-30, 30), method="bounded", options={"xatol": 1e-10}
    )


def test_a_falling_root():
    found = falling_root(lambda x: torch.tensor([2.0, 8.0]) - x**3, torch.zeros(2), torch.full((2,), 9.0))
    torch.testing.assert_close(found, torch.tensor([2 ** (1 / 3), 2.0]))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_steepness_is_the_slope(gamma):
    p = torch.linspace(0.01, 0.99, 50, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(((1 - p) ** gamma * -p.log()).sum(), p)
    torch.testing.assert_close(log_steepness(p.detach().logit(), gamma).exp(), -slope)


@given(PRIORS, GAMMAS, st.sampled_from([0.25, 1.0, 4.0]))
def test_binary_focal_constants_are_scipys(prior, gamma, weight):
    (z,) = binary_focal_constants(
        torch.tensor([weight * prior], dtype=torch.float64), torch.tensor([1 - prior], dtype=torch.float64), gamma
    ).tolist()

    def loss(p):
        return -weight * prior * (1 - p) ** gamma * math.log(p) - (1 - prior) * p**gamma * math.log(1 - p)

    best = least(loss)
    assert loss(1 / (1 + math.exp(-z))) <= best.fun + 1e-12
    assert z == pytest.approx(best.x, abs=1e-3)


def test_binary_focal_constants_by_hand():
    # gamma 1: the slopes of 0.5 (1 - p)(-ln p) and of its mirror image cancel at one half, whatever gamma
    half = torch.tensor([0.5])
    for gamma in (0.0, 1.0, 3.0):
        assert binary_focal_constants(half, half, gamma).item() == pytest.approx(0, abs=1e-6)


@settings(max_examples=10)  # each is a small optimisation
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=5), GAMMAS)
def test_focal_constants_are_scipys(mass, gamma):
    mass = torch.tensor(mass, dtype=torch.float64)

    def value_and_slope(z):
        logits = torch.tensor(z, requires_grad=True)
        log_p = logits.log_softmax(dim=0)
        loss = -(mass * (1 - log_p.exp()) ** gamma * log_p).sum()
        return loss.item(), torch.autograd.grad(loss, logits)[0].numpy()

    best = scipy.optimize.minimize(value_and_slope, [0.0] * len(mass), jac=True, tol=1e-10)
    constant = focal_constants(mass, gamma)
    assert value_and_slope(constant.numpy())[0] <= best.fun + 1e-9
    expected = torch.from_numpy(best.x).log_softmax(dim=0)
    torch.testing.assert_close(constant, expected, atol=1e-3, rtol=0)


def test_focal_constants_of_equal_classes_are_equal():
    assert focal_constants(torch.full((4,), 0.25), 2.0).tolist() == pytest.approx([-math.log(4)] * 4)


@given(PRIORS, GAMMAS, st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.05, 0.2]))
def test_asymmetric_constants_are_scipys(prior, gamma_neg, gamma_pos, clip):
    (z,) = asymmetric_constants(torch.tensor([prior], dtype=torch.float64), gamma_neg, gamma_pos, clip).tolist()

    def loss(p):
        q = max(p - clip, 0)
        return -prior * (1 - p) ** gamma_pos * math.log(p) - (1 - prior) * q**gamma_neg * math.log(1 - q)

    assert loss(1 / (1 + math.exp(-z))) <= least(loss).fun + 1e-9


def test_at_one_half_the_asymmetric_loss_means_15_of_100():
    # slopes at p = 1/2: 1 + ln 2 = 1.6931 of the positives,
    # 4 * 0.45^3 ln(1 / 0.55) + 0.45^4 / 0.55 = 0.2925 of the negatives
    prior = 0.2925 / (0.2925 + 1.6931)
    assert prior == pytest.approx(0.147, abs=5e-4)
    assert asymmetric_constants(torch.tensor([prior]), 4.0, 1.0, 0.05).item() == pytest.approx(0, abs=1e-3)


def test_without_a_best_logit_the_prior_stands_in():
    # gamma_pos = 0 with a clip: negatives cost at most 0.95^4 ln 20, so a class right in 99 of 100 wants +infinity
    constant = asymmetric_constants(torch.tensor([0.99, 0.5]), 4.0, 0.0, 0.05)
    assert constant[0].item() == pytest.approx(math.log(99), rel=1e-5)
    assert constant[1].item() == pytest.approx(0.7709, abs=1e-3)


def test_the_dtype_is_that_of_the_prior():
    for dtype in (torch.float32, torch.float64):
        half = torch.full((2,), 0.5, dtype=dtype)
        assert binary_focal_constants(half, half, 2.0).dtype == dtype
        assert focal_constants(half, 2.0).dtype == asymmetric_constants(half, 4.0, 1.0, 0.05).dtype == dtype
