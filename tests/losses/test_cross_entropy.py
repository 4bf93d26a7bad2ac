"""`CrossEntropy`: the pure function with its options kept, whole rows dropped, and its constant logits."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from torch import nn

from torchheads.losses import CrossEntropy
from torchheads.losses.functional import cross_entropy


def test_options_reach_the_function():
    logits, index, weight = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0]), [1.0, 2.0, 0.5]
    expected = cross_entropy(logits, index, torch.tensor(weight), 0.1)
    assert torch.equal(CrossEntropy(weight, 0.1)(logits, index), expected)
    # torch's own criterion, before any mean
    theirs = nn.CrossEntropyLoss(torch.tensor(weight), reduction="none", label_smoothing=0.1)(logits, index)
    torch.testing.assert_close(expected, theirs)


def test_weights_do_not_enter_the_denominator():
    # z = 0, C = 2: each row costs ln 2 times its weight: (3 + 1) ln 2 / 2 = 2 ln 2; torch divides by 4: ln 2
    logits, index, weight = torch.zeros(2, 2), torch.tensor([0, 1]), [3.0, 1.0]
    assert CrossEntropy(weight)(logits, index).mean().item() == pytest.approx(2 * math.log(2))
    assert nn.CrossEntropyLoss(torch.tensor(weight))(logits, index).item() == pytest.approx(math.log(2))


def test_float64_logits_are_not_rounded_by_float32_weights():
    logits = torch.randn(5, 3, dtype=torch.float64)
    assert CrossEntropy([1.0, 2.0, 3.0])(logits, torch.tensor([0, 1, 2, 0, 1])).dtype == torch.float64


def test_dropped_rows():
    logits, index = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
    known = torch.tensor([True, False, True, False])
    criterion = CrossEntropy([1.0, 2.0, 3.0], 0.1)
    loss = criterion(logits, index, known)
    assert loss.tolist() == criterion(logits, index).where(known, 0).tolist()
    assert torch.equal(loss[known], criterion(logits[known], index[known]))


def test_a_dropped_row_may_hold_anything():
    logits = torch.tensor([[0.0, 1.0], [math.nan, math.inf]], requires_grad=True)
    known = torch.tensor([True, False])
    loss = CrossEntropy()(logits, torch.tensor([0, 0]), known)
    assert loss[1] == 0
    loss.sum().backward()
    assert logits.grad[1].tolist() == [0, 0]


def test_repr_shows_the_constructor():
    assert repr(CrossEntropy([1.0, 2.5], 0.1)) == "CrossEntropy(class_weight=[1.0, 2.5], label_smoothing=0.1)"
    assert repr(CrossEntropy()) == "CrossEntropy(class_weight=None, label_smoothing=0.0)"


# The constant logits --------------------------------------------------------------------------------------------------


def test_constant_logits_by_hand():
    # shares 1/4 and 3/4, weights 3 and 1: 3/4 and 3/4, so both classes alike; ln 1/2 each
    constant = CrossEntropy([3.0, 1.0]).constant_logits(torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(constant, torch.tensor([0.5, 0.5]).log())
    # without weights: the logarithm of the share; priors of label sets are made to sum to 1 first
    torch.testing.assert_close(
        CrossEntropy().constant_logits(torch.tensor([0.2, 0.6])), torch.tensor([0.25, 0.75]).log()
    )


def expected_loss(criterion, logits, share):
    """The loss of constant logits where class c is right with probability share[c]: a sum over what may happen."""
    classes = len(share)
    losses = criterion(logits.expand(classes, classes), torch.arange(classes))
    return (torch.as_tensor(share) * losses).sum()


@settings(max_examples=20)  # each is a small optimisation
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.0, 0.1, 0.6]))
def test_constant_logits_minimise_the_expected_loss(seed, weighted, smoothing):
    generator = np.random.default_rng(seed)
    share = generator.dirichlet(np.ones(4)) * 0.9 + 0.025
    criterion = CrossEntropy(generator.uniform(0.2, 5, 4) if weighted else None, smoothing)

    def value_and_slope(z):
        logits = torch.tensor(z, requires_grad=True)
        loss = expected_loss(criterion, logits, share)
        return loss.item(), torch.autograd.grad(loss, logits)[0].numpy()

    best = scipy.optimize.minimize(value_and_slope, np.zeros(4), jac=True, tol=1e-10)
    constant = criterion.constant_logits(torch.from_numpy(share))
    torch.testing.assert_close(constant, torch.from_numpy(best.x).log_softmax(dim=0), atol=1e-4, rtol=0)
    assert value_and_slope(constant.numpy())[0] <= best.fun + 1e-9


def test_a_class_of_weight_zero_starts_finite():
    # nothing is ever paid for class 2, so any small share of it will do, but not a bias of minus infinity
    constant = CrossEntropy([1.0, 1.0, 0.0]).constant_logits(torch.full((3,), 1 / 3))
    assert constant.isfinite().all()


# The mean -------------------------------------------------------------------------------------------------------------

MEAN_LOGITS, INDEX = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, 0.3], [-2.0, 0.1, 0.0]]), torch.tensor([2, 0, 1])
SHARES = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.2, 0.3, 0.5]])


@pytest.mark.parametrize("options", [{}, {"class_weight": [1.0, 2.0, 4.0]}, {"label_smoothing": 0.3}], ids=str)
@pytest.mark.parametrize("target", [INDEX, SHARES], ids=["indices", "shares"])
@pytest.mark.parametrize("known", [None, torch.tensor([True, False, True])], ids=["all", "some"])
def test_the_mean_is_that_of_the_rows(options, target, known):
    criterion = CrossEntropy(**options)
    rows = criterion(MEAN_LOGITS, target, known).tolist()
    mean = criterion.mean(MEAN_LOGITS, target, known)
    assert mean.shape == ()
    assert mean.item() == pytest.approx(sum(rows) / (3 if known is None else 2))


@pytest.mark.parametrize("options", [{}, {"class_weight": 2.0}, {"label_smoothing": 0.3}], ids=str)
def test_the_mean_of_no_row_is_zero(options):
    assert CrossEntropy(**options).mean(MEAN_LOGITS[:0], INDEX[:0]).item() == 0


def test_no_class_index_is_passed_over_in_silence():
    """torch's own -100 would be."""
    for index in (-100, -1, 3):
        with pytest.raises(IndexError, match="out of bounds"):
            CrossEntropy().mean(MEAN_LOGITS[:1], torch.tensor([index]))
        with pytest.raises(IndexError, match="out of bounds"):
            CrossEntropy()(MEAN_LOGITS[:1], torch.tensor([index]))


def test_a_weight_of_zero_starts_as_a_millionth_would():
    prior = torch.tensor([0.5, 0.3, 0.2])
    tiny = CrossEntropy([1.0, 1.0, 1e-6]).constant_logits(prior)
    torch.testing.assert_close(CrossEntropy([1.0, 1.0, 0.0]).constant_logits(prior), tiny)


@pytest.mark.parametrize("options", [{}, {"class_weight": [1.0, 3.0, 2.0]}, {"label_smoothing": 0.3}], ids=str)
def test_a_class_unknown_in_all_rows_is_a_class_that_is_not_there(options):
    known, shares = torch.tensor([True, False, True]).expand(3, 3), SHARES * torch.tensor([1.0, 0.0, 1.0])
    without = dict(options)
    if "class_weight" in options:
        without["class_weight"] = [1.0, 2.0]
    loss, expected = CrossEntropy(**options), CrossEntropy(**without)
    rows = expected(MEAN_LOGITS[:, ::2], shares[:, ::2])
    torch.testing.assert_close(loss(MEAN_LOGITS, shares, known), rows)
    torch.testing.assert_close(loss.mean(MEAN_LOGITS, shares, known), rows.mean())


def test_a_prior_need_not_add_up():
    criterion, prior = CrossEntropy(label_smoothing=0.5), torch.tensor([0.3, 0.1, 0.1])
    torch.testing.assert_close(criterion.constant_logits(prior), criterion.constant_logits(prior / 0.5))
