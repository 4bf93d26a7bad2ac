import numpy as np
import pytest
import scipy.special
import torch
from torch.autograd import forward_ad

from torchheads import SigmoidHead
from torchheads.errors import NonFiniteError, TargetError
from torchheads.losses import BinaryCrossEntropy
from torchheads.losses.hard_binary import HardBinaryCrossEntropy
from torchheads.shapes import SMALL_ENTRIES, is_small

total = HardBinaryCrossEntropy.apply


def entries(dtype=torch.float64, rows=6, classes=5):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, classes, generator=generator, dtype=dtype) * 3
    return logits.requires_grad_(), (torch.rand(rows, classes, generator=generator) < 0.5).to(dtype)


def true_mean(logits, target):
    logits, target = logits.detach().double().numpy(), target.double().numpy()
    return -scipy.special.log_expit((2 * target - 1) * logits).sum(axis=1).mean()


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # torch's own, on its way to forward mode
@pytest.mark.parametrize("weighted", [False, True])
def test_first_second_and_forward_derivatives(weighted):
    logits, target = entries()
    weight = torch.rand_like(target) if weighted else None
    assert torch.autograd.gradcheck(lambda z: total(z, target, weight), logits, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(lambda z: total(z, target, weight), logits)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_forward_mode_is_the_gradient_along_a_change():
    logits, target = entries()
    change = torch.ones_like(logits)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(total(forward_ad.make_dual(logits.detach(), change), target)).tangent
    assert tangent.item() == pytest.approx((logits.sigmoid() - target).sum().item())


def test_neither_logits_nor_target_change():
    logits, target = entries()
    before, hot = logits.detach().clone(), target.clone()
    total(logits, target).backward()
    assert torch.equal(logits, before)
    assert torch.equal(target, hot)


@pytest.mark.parametrize(
    ("rows", "classes"),
    [
        (1, 2),
        (3, 10),
        (64, 10),
        (100, 127),
        (1, 128),
        (SMALL_ENTRIES // 16, 16),
        (32, 1000),
        (1, 10_000),
        (32, 100_000),
    ],
)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_loss_a_fresh_head_starts_from_is_right_to_the_last_digits(rows, classes, reduction):
    """1/C everywhere, the prior's own logits: torch's form is off by 1.2e-5 at 1,000 classes, 0.4 % at 100,000."""
    logits = torch.full((rows, classes), -float(np.log(classes - 1)))
    target = torch.zeros(rows, classes)
    target[torch.arange(rows), torch.arange(rows) % classes] = 1
    head = SigmoidHead(
        1, classes, classifier=torch.nn.Identity(), criterion=BinaryCrossEntropy(class_reduction=reduction)
    )
    wanted = true_mean(logits, target) / (1 if reduction == "sum" else classes)
    got = head.loss_from_logits(logits, target).item()
    allowed = 8 if is_small(logits) else 4  # few are added up in float32, where equal terms all round the same way
    assert abs(got - wanted) <= allowed * np.spacing(np.float32(wanted))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0, 1e3, 1e30])
def test_any_size_of_logits(scale):
    logits, target = entries(torch.float32, rows=64, classes=SMALL_ENTRIES // 64)
    with torch.no_grad():
        logits.mul_(scale)
    wanted, got = true_mean(logits, target), BinaryCrossEntropy().mean_of_hard(logits, target)
    assert abs(got.item() - wanted) <= 4 * np.spacing(np.float32(wanted))
    got.backward()
    slopes = scipy.special.expit(logits.detach().double().numpy()) - target.double().numpy()
    assert np.abs(logits.grad.double().numpy() * len(logits) - slopes).max() <= 2**-22


def test_soft_entries_weights_and_smoothing_take_the_general_form():
    """The short form of a target of one half would say ln 2 whatever the logit is."""
    logits, target = torch.full((64, 512), 4.0), torch.full((64, 512), 0.5)
    head = SigmoidHead(1, 512, classifier=torch.nn.Identity(), soft_targets=True)
    wanted = -512 * (0.5 * scipy.special.log_expit(4.0) + 0.5 * scipy.special.log_expit(-4.0))
    assert head.loss_from_logits(logits, target).item() == pytest.approx(wanted)
    unchecked = SigmoidHead(1, 512, classifier=torch.nn.Identity(), validate=False)
    assert unchecked.loss_from_logits(logits, target).item() == pytest.approx(wanted)


@pytest.mark.parametrize("rows", [2, 64])
@pytest.mark.parametrize(
    "options", [{"class_weight": 2.0}, {"pos_weight": 3.0}, {"class_weight": 0.5, "pos_weight": 3.0}]
)
def test_weights_of_classes_and_of_positives(rows, options):
    criterion = BinaryCrossEntropy(**options)
    logits, target = torch.randn(rows, 512, requires_grad=True), (torch.rand(rows, 512) < 0.5).float()
    assert is_small(logits) == (rows == 2)
    got, wanted = criterion.mean_of_hard(logits, target), criterion(logits, target).mean()
    torch.testing.assert_close(got, wanted, rtol=1e-6, atol=0)
    for one, other in zip(torch.autograd.grad(got, logits), torch.autograd.grad(wanted, logits), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


def test_smoothing_is_not_lost_whatever_the_size():
    for rows in (2, 64):
        logits, target = torch.full((rows, 512), -4.0), torch.ones(rows, 512)
        got = BinaryCrossEntropy(label_smoothing=0.1).mean_of_hard(logits, target).item()
        assert got == pytest.approx(-512 * (0.95 * scipy.special.log_expit(-4) + 0.05 * scipy.special.log_expit(4)))


def test_a_target_with_a_gradient_gets_it():
    logits, target = entries(torch.float32, rows=64, classes=SMALL_ENTRIES // 64)
    BinaryCrossEntropy().mean_of_hard(logits, target.requires_grad_()).backward()
    assert torch.allclose(target.grad, -logits.detach() / 64)


def test_infinity_in_a_target_is_refused_whatever_the_size():
    for rows, classes in ((2, 20), (2, 200), (64, 512)):
        target = torch.zeros(rows, classes)
        target[1, 3] = float("inf")
        head = SigmoidHead(1, classes, classifier=torch.nn.Identity())
        with pytest.raises(TargetError, match=r"TH-M03: .*target value inf at sample 1, label 3"):
            head.loss_from_logits(torch.full((rows, classes), 3.0), target)


@pytest.mark.parametrize("classes", [20, SMALL_ENTRIES])
@pytest.mark.parametrize("value", [float("inf"), -float("inf"), float("nan")])
@pytest.mark.parametrize("answer", [0, 1])
def test_an_infinite_logit_is_named_on_either_side(classes, value, answer):
    logits, target = torch.zeros(2, classes), torch.full((2, classes), float(answer))
    logits[1, 3] = value
    head = SigmoidHead(1, classes, classifier=torch.nn.Identity())
    with pytest.raises(NonFiniteError, match=r"TH-L0[12]: .*logits of sample 1 are not finite"):
        head.loss_from_logits(logits, target)


@pytest.mark.parametrize("classes", [3, SMALL_ENTRIES])
def test_finite_logits_whose_sum_is_not_are_borne(classes):
    logits, target = torch.full((2, classes), 3e38), torch.ones(2, classes)
    logits[:, 0], target[:, 0] = -17, 0
    loss = SigmoidHead(1, classes, classifier=torch.nn.Identity()).loss_from_logits(logits, target).item()
    assert abs(loss - np.logaddexp(0, -17)) <= 4 * np.spacing(np.float32(loss))


def test_a_criterion_of_two_sizes_keeps_both():
    criterion = BinaryCrossEntropy()
    heads = [SigmoidHead(1, classes, classifier=torch.nn.Identity(), criterion=criterion) for classes in (3, 10)]
    for head, classes in zip(heads, (3, 10), strict=True):
        loss = head.loss_from_logits(torch.zeros(2, classes), torch.zeros(2, classes))
        assert loss.item() == pytest.approx(classes * np.log(2))


def test_a_mean_of_ones_own_is_taken_at_any_size():
    class Twice(BinaryCrossEntropy):
        def mean(self, *arguments):
            return 2 * super().mean(*arguments)

    for classes in (20, 200):
        head = SigmoidHead(1, classes, classifier=torch.nn.Identity(), criterion=Twice())
        loss = head.loss_from_logits(torch.zeros(2, classes), torch.zeros(2, classes))
        assert loss.item() == pytest.approx(2 * classes * np.log(2))


def test_gradients_of_many_slopes_at_once():
    logits, target = entries()
    slopes = torch.arange(3.0, dtype=torch.float64)
    (batch,) = torch.autograd.grad(total(logits, target), logits, slopes, is_grads_batched=True)
    torch.testing.assert_close(batch, slopes.view(3, 1, 1) * (logits.sigmoid() - target))
