"""`Asymmetric`: the pure function summed over classes, dropped rows and entries, and its constant logits."""

import math

import numpy as np
import pytest
import scipy.optimize
import torch

from torchheads import Asymmetric, BinaryCrossEntropy, SigmoidHead, SoftmaxHead
from torchheads.errors import HeadConfigError, NonFiniteError
from torchheads.losses.functional_focal import asymmetric

LOGITS = torch.linspace(-3, 3, 12).view(4, 3)
SETS = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
WEIGHT = [1.0, 2.0, 0.5]


def test_options_reach_the_function():
    loss = Asymmetric(3.0, 0.5, 0.1, WEIGHT)(LOGITS, SETS)
    torch.testing.assert_close(loss, asymmetric(LOGITS, SETS, 3.0, 0.5, 0.1, torch.tensor(WEIGHT)).sum(dim=1))
    torch.testing.assert_close(Asymmetric()(LOGITS, SETS), asymmetric(LOGITS, SETS, 4.0, 1.0, 0.05).sum(dim=1))


def test_without_focus_and_clip_it_is_the_cross_entropy():
    plain = BinaryCrossEntropy(WEIGHT)(LOGITS, SETS)
    torch.testing.assert_close(Asymmetric(0, 0, 0, WEIGHT)(LOGITS, SETS), plain)


def test_dropped_rows_and_entries():
    criterion = Asymmetric(class_weight=WEIGHT)
    rows = torch.tensor([True, False, True, False])
    logits = LOGITS.masked_fill(~rows[:, None], math.nan).requires_grad_()
    losses = criterion(logits, SETS, rows)
    torch.testing.assert_close(losses[rows], criterion(LOGITS[rows], SETS[rows]))
    assert losses[~rows].tolist() == [0, 0]
    losses.sum().backward()
    assert not logits.grad[~rows].any()
    entries = torch.tensor([True, False, True]).expand(4, 3)  # as if class 1 were not there
    torch.testing.assert_close(
        criterion(LOGITS, SETS, entries), Asymmetric(class_weight=WEIGHT[::2])(LOGITS[:, ::2], SETS[:, ::2])
    )


def test_infinite_logits_are_found_in_spite_of_the_clip():
    head = SigmoidHead(4, 2, criterion=Asymmetric())
    for target in (torch.zeros(1, 2), torch.ones(1, 2)):
        with pytest.raises(NonFiniteError):
            head.loss_from_logits(torch.tensor([[math.inf, 0.0]]), target)
    assert head.loss_from_logits(torch.tensor([[1e30, 0.0]]), torch.zeros(1, 2)).isfinite()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_are_exact_and_follow_the_logits(dtype):
    criterion = Asymmetric(class_weight=WEIGHT).half()
    assert criterion.class_weight.dtype == torch.float32
    assert criterion(LOGITS.to(dtype), SETS.to(dtype)).dtype == dtype
    assert criterion.state_dict() == {}


@pytest.mark.parametrize("options", [(4.0, 1.0, 0.05), (2.0, 1.0, 0.2), (0.0, 0.0, 0.0), (4.0, 4.0, 0.0)])
@pytest.mark.parametrize("prior", [[0.02, 0.3, 0.7], [0.5, 0.9, 0.1]])
def test_constant_logits_minimise_the_expected_loss(prior, options):
    criterion, prior = Asymmetric(*options, class_weight=WEIGHT), torch.tensor(prior, dtype=torch.float64)
    sets = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)  # all that may happen
    chance = (sets * prior + (1 - sets) * (1 - prior)).prod(dim=1)

    def value_and_slope(z):
        logits = torch.tensor(z, requires_grad=True)
        loss = (chance * criterion(logits.expand(8, 3), sets)).sum()
        return loss.item(), torch.autograd.grad(loss, logits)[0].numpy()

    best = scipy.optimize.minimize(value_and_slope, np.zeros(3), jac=True, tol=1e-10)
    constant = criterion.constant_logits(prior)
    torch.testing.assert_close(constant, torch.from_numpy(best.x), atol=1e-3, rtol=0)
    assert value_and_slope(constant.numpy())[0] <= best.fun + 1e-9


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"gamma_neg": -1}, "TH-H38: Asymmetric got gamma_neg=-1; allowed 0 <= gamma_neg, finite. Try: gamma_neg=4"),
        (
            {"gamma_pos": None},
            "TH-H38: Asymmetric got gamma_pos=None; allowed 0 <= gamma_pos, finite. Try: gamma_pos=1",
        ),
        ({"clip": 1.0}, "TH-H38: Asymmetric got clip=1.0; allowed 0 <= clip < 1. Try: clip=0.05"),
        (
            {"class_weight": -1},
            "TH-T13: class_weight got -1; allowed finite numbers >= 0, one for all classes or one a class. "
            "Try: class_weight=[1.0, ...]",
        ),
    ],
)
def test_the_whole_text(options, text):
    with pytest.raises(HeadConfigError) as caught:
        Asymmetric(**options)
    assert str(caught.value) == text


def test_it_is_no_loss_of_a_softmax():
    with pytest.raises(HeadConfigError, match="TH-H24: SoftmaxHead got Asymmetric, which is a loss for sigmoid heads"):
        SoftmaxHead(4, 3, criterion=Asymmetric())


def test_repr_shows_the_constructor():
    assert "gamma_neg=3.0, gamma_pos=0.5, clip=0.1, class_weight=[1.0, 2.0]" in repr(
        Asymmetric(3.0, 0.5, 0.1, [1.0, 2.0])
    )
