"""`Vector` against scikit-learn's logistic regression, a derivative-free minimiser, and values worked by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.calibration import Vector
from torchheads.calibration.vector import centred
from torchheads.errors import FitError


def fitted(head_class, logits, target, classes):
    head = head_class(4, classes, calibrator=Vector(), label_type="multi" if target.ndim == 2 else "single")
    head.fit_held_out(logits, target)
    return head


def test_sigmoid_is_scikit_learns_logistic_regression():
    logits = torch.randn(400, 3, dtype=torch.float64) * 3
    target = torch.rand(400, 3) < (logits / 2 - 1).sigmoid()
    head = fitted(SigmoidHead, logits, target.long(), 3)
    for c in range(3):
        model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(logits[:, [c]].numpy(), target[:, c].numpy())
        assert head.calibrator.weight[c].item() == pytest.approx(model.coef_.item(), rel=1e-5)
        assert head.calibrator.bias[c].item() == pytest.approx(model.intercept_.item(), rel=1e-5)
        expected = torch.from_numpy(model.predict_proba(logits[:, [c]].numpy())[:, 1])
        torch.testing.assert_close(head.probabilities(logits)[:, c], expected, rtol=1e-5, atol=1e-7)


def drawn(classes=3, count=500):
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(count, classes, generator=random, dtype=torch.float64) * 2
    weight, bias = torch.linspace(0.5, 1.5, classes), torch.linspace(-1, 1, classes)
    chance = (weight * centred(logits) + bias).softmax(dim=1)
    return logits, torch.multinomial(chance, 1, generator=random)[:, 0], weight, bias


def test_softmax_is_the_minimum_that_a_search_without_slopes_finds():
    logits, target, *_ = drawn()
    z, y = logits.numpy() - logits.numpy().mean(axis=1, keepdims=True), target.numpy()

    def loss(numbers):
        return -log_softmax(z * numbers[:3] + numbers[3:], axis=1)[np.arange(len(y)), y].sum()

    head = fitted(SoftmaxHead, logits, target, 3)
    found = minimize(loss, [1, 1, 1, 0, 0, 0], method="Powell", options={"maxiter": 10000, "xtol": 1e-9, "ftol": 1e-14})
    ours = loss(torch.cat([head.calibrator.weight, head.calibrator.bias]).double().numpy())
    assert ours <= found.fun + 1e-6
    assert head.calibrator.weight.tolist() == pytest.approx(found.x[:3], abs=1e-3)
    assert head.calibrator.bias.tolist() == pytest.approx(found.x[3:] - found.x[3:].mean(), abs=1e-3)
    assert head.nll(logits, target).sum().item() == pytest.approx(ours, rel=1e-9)


def test_a_planted_map_is_found():
    logits, target, weight, bias = drawn(classes=4, count=40_000)
    calibrator = fitted(SoftmaxHead, logits, target, 4).calibrator
    assert calibrator.weight.tolist() == pytest.approx(weight.tolist(), abs=0.08)
    assert calibrator.bias.tolist() == pytest.approx(bias.tolist(), abs=0.08)


@pytest.mark.parametrize("scale", [1e-2, 1e2])
def test_the_size_of_the_logits_does_not_matter(scale):
    logits, target, *_ = drawn()
    one, other = (fitted(SoftmaxHead, factor * logits, target, 3).calibrator for factor in (1.0, scale))
    torch.testing.assert_close(other.weight * scale, one.weight, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(other.bias, one.bias, rtol=1e-3, atol=1e-3)


def test_by_hand():
    """Sigmoid: right in 3 of 4 rows at 1 and 1 of 4 at 0: b = -ln 3, w = 2 ln 3.

    Softmax of two classes: centred logits +-1/2 where class 0 leads, right in 3 of 4; +-0 elsewhere, right in 2 of 4.
    Only w_0 + w_1 counts: (w_0 + w_1) / 2 + b_0 - b_1 = ln 3 and b_0 - b_1 = 0, which the search shares equally.
    """
    logits, target = torch.tensor([[1.0]] * 4 + [[0.0]] * 4), torch.tensor([1, 1, 1, 0, 1, 0, 0, 0]).unsqueeze(1)
    calibrator = fitted(SigmoidHead, logits, target, 1).calibrator
    assert calibrator.weight.item() == pytest.approx(2 * math.log(3), rel=1e-5)
    assert calibrator.bias.item() == pytest.approx(-math.log(3), rel=1e-5)
    pairs = torch.tensor([[1.0, 0.0]] * 4 + [[0.0, 0.0]] * 4)
    calibrator = fitted(SoftmaxHead, pairs, torch.tensor([0, 0, 0, 1, 0, 1, 0, 1]), 2).calibrator
    assert calibrator.weight.tolist() == pytest.approx([math.log(3)] * 2, rel=1e-4)
    assert calibrator.bias.tolist() == pytest.approx([0, 0], abs=1e-4)


def test_what_has_no_finite_optimum_keeps_its_logits():
    """Class 0 learns; 1 is never right, 2 is parted without error, 3 but for a tie, 4 falls where it is right."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 5, generator=random) * 3
    target = torch.rand(200, 5, generator=random) < (logits / 2).sigmoid()
    logits[:2, 3] = 1.0
    target[:, 1], target[:, 2], target[:, 3] = False, logits[:, 2] > 1, logits[:, 3] > 1
    target[0, 3] = True
    target[:, 4] = torch.rand(200, generator=random) < (-logits[:, 4]).sigmoid()
    calibrator = fitted(SigmoidHead, logits, target.long(), 5).calibrator
    assert calibrator.kept_identity == (1, 2, 3, 4)
    assert torch.equal(calibrator(logits)[:, 1:], logits[:, 1:])
    with pytest.raises(FitError, match=r"TH-Z04: no slope in 0.001 < w < 1000.*each class is parted without error"):
        fitted(SigmoidHead, logits[:, 1:], target[:, 1:].long(), 4)


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e2])
def test_rows_that_are_all_right_have_no_slopes(scale):
    target = torch.arange(3).repeat(5)
    logits = scale * (torch.nn.functional.one_hot(target, 3) + 0.1 * torch.randn(15, 3))
    with pytest.raises(FitError, match=r"TH-Z04: no slope.*the slopes grow without end.*Try: calibration=platt"):
        fitted(SoftmaxHead, logits, target, 3)


def test_a_class_never_right_under_a_softmax_gets_the_mean_slope():
    logits, target, *_ = drawn(classes=3)
    logits = torch.cat([logits, torch.randn(len(logits), 1, dtype=torch.float64)], dim=1)
    calibrator = fitted(SoftmaxHead, logits, target, 4).calibrator
    assert calibrator.kept_identity == (3,)
    assert calibrator.weight[3].item() == pytest.approx(calibrator.weight[:3].mean().item(), rel=1e-6)
    assert calibrator.bias[3] == 0
    assert calibrator.bias.sum().item() == pytest.approx(0, abs=1e-6)


def test_classes_that_are_ruled_out_leave_the_mean():
    ruled_out = torch.tensor([[3.0, 1.0, -math.inf]])
    assert torch.equal(centred(ruled_out)[:, :2], centred(ruled_out[:, :2]))
