"""L-BFGS with an exact penalty: by hand, against the closed form, against scikit-learn, and options refused."""

import copy
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score
from torch import nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.backbones import Cnn, IdentityBackbone, Mlp, TorchvisionBackbone
from torchheads.errors import HeadConfigError
from torchheads.optim import lbfgs

TO_CONVERGENCE = {"max_iter": 1000, "tolerance_grad": 1e-9, "tolerance_change": 1e-14}


def minimise(module, loss, **options):
    """Value before the step that minimises loss() over the module's parameters."""
    optimizer = lbfgs(module, **options)

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return optimizer.step(closure)


def filled(weight, bias):
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, weight)
    nn.init.constant_(layer.bias, bias)
    return layer


def test_value_and_gradient_by_hand():
    # loss w + b at w = 3, b = 5 is 8; the penalty 0.5 / 2 * 9 = 2.25, its gradient 0.5 * 3 on w alone.
    # The first step without a line search is lr * gradient / sum of |gradients| = (2.5, 1) / 3.5.
    layer = filled(3, 5)
    value = minimise(
        layer, lambda: layer.weight.sum() + layer.bias.sum(), weight_decay=0.5, max_iter=1, line_search=None
    )
    assert value.item() == 8 + 2.25
    assert layer.weight.item() == pytest.approx(3 - 2.5 / 3.5)
    assert layer.bias.item() == pytest.approx(5 - 1 / 3.5)


def test_a_weight_that_the_loss_does_not_see_decays_too():
    layer = filled(3, 5)
    minimise(layer, lambda: (layer.bias - 1).square().sum(), weight_decay=0.5)
    assert layer.weight.item() == pytest.approx(0, abs=1e-5)
    assert layer.bias.item() == pytest.approx(1, abs=1e-5)


def test_without_decay_it_is_torchs_own():
    torch.manual_seed(0)
    features, target = torch.randn(30, 4), torch.arange(30) % 3
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    theirs.load_state_dict(ours.state_dict())
    optimizer = torch.optim.LBFGS(theirs.parameters(), history_size=10, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(theirs(features), target)
        value.backward()
        return value

    expected = optimizer.step(closure)
    assert minimise(ours, lambda: nn.functional.cross_entropy(ours(features), target)) == expected
    assert torch.equal(ours.weight, theirs.weight)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_ridge_regression(weight_decay):
    torch.manual_seed(0)
    features = torch.randn(50, 3, dtype=torch.float64)
    target = features @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64) + 3
    layer = nn.Linear(3, 1).double()
    loss = lambda: (layer(features) - target).square().mean()  # noqa: E731
    minimise(layer, loss, weight_decay=weight_decay, **TO_CONVERGENCE)
    # scikit-learn's Ridge minimises the sum of squares + alpha ||w||^2, so alpha = 50 * weight_decay / 2
    ridge = Ridge(alpha=25 * weight_decay, tol=1e-12).fit(features.numpy(), target.numpy().ravel())
    np.testing.assert_allclose(layer.weight.detach().numpy().ravel(), ridge.coef_.ravel(), atol=1e-7)
    assert layer.bias.item() == pytest.approx(ridge.intercept_, abs=1e-7)


@pytest.mark.parametrize("C", [1.0, 0.01])
def test_a_sigmoid_head_is_one_vs_rest_logistic_regression(C):  # noqa: N803
    features, target = make_multilabel_classification(200, n_features=12, n_classes=4, random_state=0)
    features = (features - features.mean(0)) / features.std(0)
    head = SigmoidHead(12, 4).double()
    inputs, labels = torch.from_numpy(features), torch.from_numpy(target)
    minimise(head, lambda: head.loss(inputs, labels), weight_decay=1 / (C * 200), **TO_CONVERGENCE)
    scores = head(inputs).detach().numpy()
    for label in range(4):
        model = LogisticRegression(C=C, tol=1e-10, max_iter=1000).fit(features, target[:, label])
        np.testing.assert_allclose(scores[:, label], model.decision_function(features), atol=1e-4)
        np.testing.assert_allclose(head.classifier.weight[label].detach(), model.coef_[0], atol=1e-4)
        ours, theirs = (
            average_precision_score(target[:, label], values)
            for values in (scores[:, label], model.decision_function(features))
        )
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_a_softmax_head_is_multinomial_logistic_regression():
    features, target = load_digits(return_X_y=True)
    features, target = features[:400] / 16, target[:400]
    head = SoftmaxHead(64, 10).double()
    inputs, labels = torch.from_numpy(features), torch.from_numpy(target)
    minimise(head, lambda: head.loss(inputs, labels), weight_decay=1 / 400, **TO_CONVERGENCE)
    model = LogisticRegression(C=1, tol=1e-10, max_iter=1000).fit(features, target)
    probabilities = head.probabilities(head(inputs)).detach().numpy()
    np.testing.assert_allclose(probabilities, model.predict_proba(features), atol=1e-5)


def test_the_penalty_is_on_matrices_and_kernels_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    model[0].bias.requires_grad_(False)
    optimizer = lbfgs(model, weight_decay=2.0)
    optimizer.zero_grad()
    expected = model[0].weight.square().sum() + model[3].weight.square().sum()
    assert optimizer.add_penalty().item() == pytest.approx(expected.item())
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert {name for name, gradient in gradients.items() if gradient is not None} == {"0.weight", "3.weight"}
    torch.testing.assert_close(gradients["3.weight"], 2 * model[3].weight.data)


def test_weights_that_are_frozen_for_now_do_not_shrink():
    backbone, head = nn.Linear(3, 4), nn.Linear(4, 2)
    optimizer = lbfgs(nn.Sequential(backbone, head), weight_decay=2.0)
    backbone.requires_grad_(False)
    assert optimizer.add_penalty().item() == pytest.approx(head.weight.square().sum().item())
    assert backbone.weight.grad is None


@pytest.mark.parametrize(
    "backbone",
    [
        IdentityBackbone((1, 8, 8)),
        Mlp((1, 8, 8), hidden=(8,)),
        Cnn((1, 8, 8), widths=(4, 8)),
        TorchvisionBackbone((1, 8, 8), name="resnet18"),
    ],
    ids=lambda backbone: type(backbone).__name__,
)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_it_trains_every_backbone_in_any_memory_format(backbone, memory_format):
    images, target = torch.randn(12, 1, 8, 8).to(memory_format=memory_format), torch.arange(12) % 3
    model = nn.Sequential(copy.deepcopy(backbone), nn.Linear(backbone.out_features, 3)).to(memory_format=memory_format)
    loss = lambda: nn.functional.cross_entropy(model(images), target)  # noqa: E731
    before = minimise(model, loss, max_iter=4, weight_decay=1e-4).item()
    assert loss().item() < before


@pytest.mark.parametrize("max_eval", [3, None])
def test_the_number_of_evaluations(max_eval):
    features, target = torch.randn(50, 3), torch.randn(50, 1)
    layer, calls = nn.Linear(3, 1), []

    def loss():
        calls.append(1)
        return (layer(features) - target).square().mean()

    minimise(layer, loss, max_iter=2, max_eval=max_eval, tolerance_grad=0, tolerance_change=0, line_search=None)
    assert len(calls) == 2  # one at the start, one after the first iteration, none after the last
    assert lbfgs(layer, max_iter=8, max_eval=max_eval).defaults["max_eval"] == (max_eval or 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_decay": -1}, r"optimizer\.weight_decay=-1; allowed a number from 0"),
        ({"weight_decay": "1e-3"}, r"optimizer\.weight_decay='1e-3'"),
        ({"weight_decay": math.inf}, r"optimizer\.weight_decay=inf"),
        ({"tolerance_grad": -1e-9}, r"optimizer\.tolerance_grad=-1e-09"),
        ({"tolerance_change": math.nan}, r"optimizer\.tolerance_change=nan"),
        ({"max_iter": 0}, r"optimizer\.max_iter=0; allowed a whole number above 0\. Try: optimizer\.max_iter=20"),
        ({"max_iter": 2.5}, r"optimizer\.max_iter=2\.5"),
        ({"max_iter": None}, r"optimizer\.max_iter=None"),
        ({"max_eval": 0}, r"optimizer\.max_eval=0"),
        ({"history_size": 0}, r"optimizer\.history_size=0"),
        ({"history_size": True}, r"optimizer\.history_size=True"),
        ({"line_search": "wolfe"}, r"optimizer\.line_search='wolfe'; allowed 'strong_wolfe' or null"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(HeadConfigError, match=f"TH-H13: {message}"):
        lbfgs(nn.Linear(1, 1), **options)
