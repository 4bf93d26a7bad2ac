"""`LogitAdjusted` and `BalancedSoftmax`: what they share, and the counts they wait for."""

import copy
import math
import pickle

import numpy as np
import pytest
import scipy.optimize
import torch
from torch.nn import functional as F

from torchheads import BalancedSoftmax, CrossEntropy, LogitAdjusted, SigmoidHead, SoftmaxHead
from torchheads.errors import HeadConfigError
from torchheads.losses.functional_frequency import balanced_softmax, logit_adjusted

LOGITS = torch.linspace(-3, 3, 12).view(4, 3)
INDEX = torch.tensor([0, 2, 1, 1])
COUNTS = [60, 30, 10]
BOTH = pytest.mark.parametrize("kind", [LogitAdjusted, BalancedSoftmax])


def test_options_reach_the_functions():
    prior, counts = torch.tensor([0.6, 0.3, 0.1]), torch.tensor([60.0, 30.0, 10.0])
    for target in (INDEX, F.one_hot(INDEX, 3).float()):
        loss = LogitAdjusted(0.5, COUNTS, 0.1)(LOGITS, target)
        torch.testing.assert_close(loss, logit_adjusted(LOGITS, target, prior, 0.5, 0.1))
        loss = BalancedSoftmax(COUNTS, 0.1)(LOGITS, target)
        torch.testing.assert_close(loss, balanced_softmax(LOGITS, target, counts, 0.1))


@BOTH
def test_dropped_rows_and_classes(kind):
    criterion, target = kind(class_counts=COUNTS, label_smoothing=0.1), F.one_hot(INDEX, 3).float()
    rows = torch.tensor([True, False, True, False])
    logits = LOGITS.masked_fill(~rows[:, None], math.nan).requires_grad_()
    losses = criterion(logits, INDEX, rows)
    torch.testing.assert_close(losses[rows], criterion(LOGITS[rows], INDEX[rows]))
    assert losses[~rows].tolist() == [0, 0]
    losses.sum().backward()
    assert not logits.grad[~rows].any()
    classes = torch.tensor([True, False, True]).expand(4, 3)  # as if class 1 were not there
    few = kind(class_counts=COUNTS[::2], label_smoothing=0.1)
    there = target * classes
    torch.testing.assert_close(criterion(LOGITS, there, classes), few(LOGITS[:, ::2], there[:, ::2]))


@BOTH
def test_the_adjustment_is_in_the_loss_alone(kind):
    plain, adjusted = SoftmaxHead(4, 3), SoftmaxHead(4, 3, criterion=kind(class_counts=COUNTS))
    for answer in ("scores", "probabilities", "predict"):
        torch.testing.assert_close(getattr(adjusted, answer)(LOGITS), getattr(plain, answer)(LOGITS))
    torch.testing.assert_close(adjusted.nll(LOGITS, INDEX), plain.nll(LOGITS, INDEX))
    assert adjusted.loss_from_logits(LOGITS, INDEX) != plain.loss_from_logits(LOGITS, INDEX)


@BOTH
def test_used_before_it_was_told(kind):
    head = SoftmaxHead(4, 3, criterion=kind())
    assert head.criterion.awaits_counts
    with pytest.raises(HeadConfigError, match="TH-H35: a loss that needs the class frequencies was told none"):
        head.loss_from_logits(LOGITS, INDEX)
    assert head.predict(LOGITS).tolist() == [2, 2, 2, 2]  # answers need no loss
    head.criterion.take_counts(torch.tensor(COUNTS))
    assert not head.criterion.awaits_counts
    torch.testing.assert_close(head.criterion(LOGITS, INDEX), kind(class_counts=COUNTS)(LOGITS, INDEX))


@BOTH
def test_counts_are_saved_with_the_head(kind):
    head, fresh = (SoftmaxHead(4, 3, criterion=kind()) for _ in range(2))
    head.criterion.take_counts(torch.tensor(COUNTS), 100)
    state = head.state_dict()
    assert state["criterion.frequencies.counts"].tolist() == COUNTS
    fresh.load_state_dict(state)
    for again in (fresh, copy.deepcopy(head), pickle.loads(pickle.dumps(head))):
        assert torch.equal(again.loss_from_logits(LOGITS, INDEX), head.loss_from_logits(LOGITS, INDEX))
    plain = SoftmaxHead(4, 3)
    plain.load_state_dict(state)  # a head that is only to answer needs no counts
    assert "criterion.frequencies.counts" not in plain.state_dict()
    fresh.load_state_dict(SoftmaxHead(4, 3, criterion=CrossEntropy()).state_dict())
    assert not fresh.criterion.awaits_counts


@BOTH
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("is_told", [True, False])
def test_constant_logits_minimise_the_expected_loss(kind, smoothing, is_told):
    prior = torch.tensor([0.5, 0.1, 0.4], dtype=torch.float64)
    criterion = kind(class_counts=COUNTS if is_told else None, label_smoothing=smoothing)
    constant = criterion.constant_logits(prior)
    if not is_told:  # as of classes of equal frequency
        criterion = kind(class_counts=[1, 1, 1], label_smoothing=smoothing)

    def value_and_slope(z):
        logits = torch.tensor(z, requires_grad=True)
        loss = (prior * criterion(logits.expand(3, 3), torch.arange(3))).sum()
        return loss.item(), torch.autograd.grad(loss, logits)[0].numpy()

    best = scipy.optimize.minimize(value_and_slope, np.zeros(3), jac=True, tol=1e-10)
    torch.testing.assert_close(constant, torch.from_numpy(best.x).log_softmax(dim=0), atol=1e-4, rtol=0)


def test_constant_logits_by_hand():
    # prior 3/4, 1/4; counts 1 : 3; the best logits are ln of 3/4 : 1/12 = 9 : 1
    constant = BalancedSoftmax([1, 3]).constant_logits(torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(constant, torch.tensor([0.9, 0.1]).log())
    # a prior equal to the frequencies: nothing is left for the logits to say
    constant = LogitAdjusted(1.0, [3, 1]).constant_logits(torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(constant, torch.tensor([0.5, 0.5]).log())
    # half of it with tau 1/2: 3^(1/2) : 1
    constant = LogitAdjusted(0.5, [3, 1]).constant_logits(torch.tensor([0.75, 0.25]))
    assert (constant[0] - constant[1]).item() == pytest.approx(math.log(3) / 2)


@BOTH
def test_float64_logits_are_not_rounded_by_float32_counts(kind):
    exact = torch.tensor([6.0, 3.0, 1.0], dtype=torch.float64)
    loss = kind(class_counts=[6, 3, 1]).half()(LOGITS.double(), INDEX)
    torch.testing.assert_close(loss, balanced_softmax(LOGITS.double(), INDEX, exact), rtol=1e-14, atol=0)


@BOTH
def test_refusals(kind):
    with pytest.raises(HeadConfigError, match=r"TH-H35: class_counts has shape \(2,\); allowed \(3,\)"):
        SoftmaxHead(4, 3, criterion=kind(class_counts=[1, 2]))
    with pytest.raises(HeadConfigError, match=r"TH-H24: SigmoidHead got .*, which is a loss for softmax heads"):
        SigmoidHead(4, 3, criterion=kind())
    with pytest.raises(HeadConfigError, match="TH-T14"):
        kind(label_smoothing=1.0)
    with pytest.raises(HeadConfigError, match="TH-H35: class_counts got -1"):
        kind().take_counts(torch.tensor([-1, 2]))


def test_a_bad_tau():
    with pytest.raises(HeadConfigError) as caught:
        LogitAdjusted(tau=-1)
    assert str(caught.value) == "TH-H38: LogitAdjusted got tau=-1; allowed 0 <= tau, finite. Try: tau=1"


def test_repr_shows_the_constructor():
    assert "tau=0.5, label_smoothing=0.1" in repr(LogitAdjusted(0.5, COUNTS, 0.1))
    assert "3 classes, 10 to 60 examples" in repr(BalancedSoftmax(COUNTS))
    assert "label_smoothing=0.1" in repr(BalancedSoftmax(COUNTS, 0.1))
