"""`Focal`: the form of its head, dropped rows and classes, its options, and its constant logits."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from torch.nn import functional as F

from torchheads import BinaryCrossEntropy, CrossEntropy, Focal, SigmoidHead, SoftmaxHead
from torchheads.errors import HeadConfigError
from torchheads.losses.functional_focal import binary_focal, focal

LOGITS = torch.linspace(-3, 3, 12).view(4, 3)
SETS = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
INDEX = torch.tensor([0, 2, 1, 1])
WEIGHT, POSITIVE, ALPHA = [1.0, 2.0, 0.5], [3.0, 1.0, 0.1], [0.25, 0.5, 0.75]


def bound(link, **options):
    criterion = Focal(**options)
    criterion.bind(3, link)
    return criterion


def test_the_head_supplies_the_form():
    softmax = SoftmaxHead(4, 3, criterion=Focal(0.5, class_weight=WEIGHT, label_smoothing=0.1))
    expected = focal(LOGITS, INDEX, 0.5, torch.tensor(WEIGHT), 0.1).mean()
    torch.testing.assert_close(softmax.loss_from_logits(LOGITS, INDEX), expected)
    sigmoid = SigmoidHead(4, 3, criterion=Focal(0.5, ALPHA, WEIGHT, POSITIVE, 0.1))
    weights = [torch.tensor(weight) for weight in (ALPHA, WEIGHT, POSITIVE)]
    expected = binary_focal(LOGITS, SETS, 0.5, *weights, 0.1).sum(dim=1).mean()
    torch.testing.assert_close(sigmoid.loss_from_logits(LOGITS, SETS), expected)


def test_without_focus_it_is_the_heads_own_loss():
    for head_class, own, target in ((SoftmaxHead, CrossEntropy, INDEX), (SigmoidHead, BinaryCrossEntropy, SETS)):
        focused, plain = (head_class(4, 3, criterion=made) for made in (Focal(0.0, class_weight=WEIGHT), own(WEIGHT)))
        torch.testing.assert_close(focused.loss_from_logits(LOGITS, target), plain.loss_from_logits(LOGITS, target))


@pytest.mark.parametrize(("link", "target"), [("softmax", F.one_hot(INDEX, 3).float()), ("sigmoid", SETS)])
def test_dropped_rows_and_classes(link, target):
    criterion = bound(link, class_weight=WEIGHT, label_smoothing=0.1)
    rows = torch.tensor([True, False, True, False])
    logits = LOGITS.masked_fill(~rows[:, None], math.nan).requires_grad_()
    losses = criterion(logits, target, rows)
    torch.testing.assert_close(losses[rows], criterion(LOGITS[rows], target[rows]))
    assert losses[~rows].tolist() == [0, 0]
    losses.sum().backward()
    assert not logits.grad[~rows].any()
    classes = torch.tensor([True, False, True]).expand(4, 3)  # as if class 1 were not there
    few = Focal(class_weight=WEIGHT[::2], label_smoothing=0.1)
    few.bind(2, link)
    there = target * classes
    torch.testing.assert_close(criterion(LOGITS, there, classes), few(LOGITS[:, ::2], there[:, ::2]))


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_one_number_stands_for_all_classes(link):
    criterion = bound(link, class_weight=2.0)
    assert criterion.class_weight.tolist() == [2, 2, 2]
    torch.testing.assert_close(criterion(LOGITS, SETS), 2 * bound(link)(LOGITS, SETS))
    loose = Focal(class_weight=2.0)  # without a head: a softmax
    torch.testing.assert_close(loose(LOGITS, INDEX), 2 * Focal()(LOGITS, INDEX))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_are_exact_and_follow_the_logits(dtype):
    criterion = bound("sigmoid", alpha=ALPHA, class_weight=WEIGHT, pos_weight=POSITIVE).half()
    assert {buffer.dtype for buffer in criterion.buffers()} == {torch.float32}
    assert criterion(LOGITS.to(dtype), SETS.to(dtype)).dtype == dtype
    assert criterion.state_dict() == {}


# The constant logits --------------------------------------------------------------------------------------------------


@settings(max_examples=10)  # each is a small optimisation
@given(
    st.integers(0, 10**6),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from([0.0, 0.5, 2.0]),
    st.sampled_from(["softmax", "sigmoid"]),
)
def test_constant_logits_minimise_the_expected_loss(seed, weighted, positive, smoothing, gamma, link):
    generator = np.random.default_rng(seed)
    prior = generator.uniform(0.05, 0.95, 3)
    options = {"class_weight": generator.uniform(0.2, 5, 3) if weighted else None, "label_smoothing": smoothing}
    if link == "sigmoid" and positive:
        options |= {"pos_weight": generator.uniform(0.2, 5, 3), "alpha": generator.uniform(0.1, 0.9, 3)}
    criterion = bound(link, gamma=gamma, **options)
    # all that may happen, with its chance: one class of a softmax, any set under sigmoids
    targets = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    chance = (targets * torch.from_numpy(prior) + (1 - targets) * (1 - torch.from_numpy(prior))).prod(dim=1)
    if link == "softmax":
        targets, chance = torch.eye(3, dtype=torch.float64), torch.from_numpy(prior / prior.sum())

    def value_and_slope(z):
        logits = torch.tensor(z, requires_grad=True)
        loss = (chance * criterion(logits.expand(len(targets), 3), targets)).sum()
        return loss.item(), torch.autograd.grad(loss, logits)[0].numpy()

    best = scipy.optimize.minimize(value_and_slope, np.zeros(3), jac=True, tol=1e-10)
    constant = criterion.constant_logits(torch.from_numpy(prior))
    assert value_and_slope(constant.numpy())[0] <= best.fun + 1e-9
    expected = torch.from_numpy(best.x)
    expected = expected.log_softmax(dim=0) if link == "softmax" else expected
    torch.testing.assert_close(constant, expected, atol=2e-3, rtol=0)


def test_constant_logits_by_hand():
    # gamma 2 at p = 3/4: slopes 1/4 (1/3 + 2 ln 4/3) and 3/4 (3 + 2 ln 4), so prior odds 4.3298 / 0.2272 = 19.05
    odds = 3 * (3 + 2 * math.log(4)) / (1 / 3 + 2 * math.log(4 / 3))
    prior = torch.tensor([odds / (1 + odds)], dtype=torch.float64)
    constant = bound("sigmoid").constant_logits(prior)
    assert constant.item() == pytest.approx(math.log(3), abs=1e-6)


def test_a_class_that_is_never_paid_for_starts_at_a_small_share():
    constant = bound("softmax", class_weight=[1.0, 1.0, 0.0]).constant_logits(torch.full((3,), 1 / 3))
    assert constant.isfinite().all()
    assert constant[2] < constant[0] - 5


# Refusals -------------------------------------------------------------------------------------------------------------

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"gamma": -1}, "TH-H38: Focal got gamma=-1; allowed 0 <= gamma, finite. Try: gamma=2"),
        ({"gamma": INF}, "TH-H38: Focal got gamma=inf; allowed 0 <= gamma, finite. Try: gamma=2"),
        ({"gamma": NAN}, "TH-H38: Focal got gamma=nan; allowed 0 <= gamma, finite. Try: gamma=2"),
        ({"gamma": "2"}, "TH-H38: Focal got gamma='2'; allowed 0 <= gamma, finite. Try: gamma=2"),
        ({"gamma": True}, "TH-H38: Focal got gamma=True; allowed 0 <= gamma, finite. Try: gamma=2"),
        ({"alpha": 0.0}, "TH-H38: Focal got alpha=0.0; allowed 0 < alpha < 1. Try: alpha=0.25"),
        ({"alpha": [0.5, 1.0]}, "TH-H38: Focal got alpha=[0.5, 1.0]; allowed 0 < alpha < 1. Try: alpha=0.25"),
        (
            {"alpha": -0.5},
            "TH-H38: alpha got -0.5; allowed finite numbers >= 0, one for all classes or one a class. "
            "Try: alpha=[1.0, ...]",
        ),
        ({"pos_weight": 0}, "TH-M08: pos_weight holds 0; allowed > 0. Try: class_weight=0 for a class to leave out"),
        (
            {"label_smoothing": 1.0},
            "TH-T14: label_smoothing=1.0; allowed 0 <= label_smoothing < 1. Try: label_smoothing=0.1",
        ),
    ],
)
def test_the_whole_text(options, text):
    with pytest.raises(HeadConfigError) as caught:
        Focal(**options)
    assert str(caught.value) == text


@pytest.mark.parametrize("name", ["alpha", "pos_weight"])
def test_a_softmax_has_no_yes_and_no(name):
    with pytest.raises(HeadConfigError) as caught:
        SoftmaxHead(4, 3, criterion=Focal(**{name: 0.5}))
    assert str(caught.value) == (
        f"TH-H24: Focal got {name}, which weighs yes against no, and a softmax head has no such questions. "
        "Try: class_weight=[1.0, ...], or a SigmoidHead (head=sigmoid)"
    )


def test_weights_of_another_length():
    for name, code in (("class_weight", "T13"), ("pos_weight", "M08"), ("alpha", "T13")):
        with pytest.raises(HeadConfigError, match=rf"TH-{code}: {name} has shape \(2,\); allowed \(3,\)"):
            bound("sigmoid", **{name: [0.5, 0.5]})


def test_repr_shows_the_constructor():
    shown = repr(Focal(1.5, 0.25, [1.0, 2.0]))
    assert "gamma=1.5, alpha=0.25, class_weight=[1.0, 2.0], pos_weight=None, label_smoothing=0.0" in shown
