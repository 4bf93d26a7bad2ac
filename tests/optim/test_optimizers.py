"""Each optimizer against its own equation, and the options that are refused."""

import math

import pytest
import torch
from torch import nn

from torchheads.errors import HeadConfigError
from torchheads.optim import adamw, lbfgs, sgd

FACTORIES = [adamw, sgd, lbfgs]


def one_step(factory, **options):
    """Weight and bias of a 1 -> 1 layer after one step from weight 2, bias 1 with gradients 0.5 and 0.25."""
    layer = nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(2)
        layer.bias.fill_(1)
    layer.weight.grad, layer.bias.grad = torch.full((1, 1), 0.5), torch.full((1,), 0.25)
    factory(layer, **options).step()
    return layer.weight.item(), layer.bias.item()


def test_adamw_by_hand():
    # the first step of Adam is lr * sign(gradient); decay takes lr * 0.5 * weight, on the weight alone
    weight, bias = one_step(adamw, lr=0.1, weight_decay=0.5)
    assert weight == pytest.approx(2 - 0.1 * 0.5 * 2 - 0.1, abs=1e-6)
    assert bias == pytest.approx(1 - 0.1, abs=1e-6)


def test_adamw_takes_betas_as_a_list():
    assert adamw(nn.Linear(1, 1), betas=[0.8, 0.9]).defaults["betas"] == (0.8, 0.9)


def test_sgd_by_hand():
    # gradient with decay: 0.5 + 0.5 * 2 = 1.5; Nesterov's first step is lr (1 + momentum) gradient = 0.1 * 1.9 * 1.5
    weight, bias = one_step(sgd, lr=0.1, momentum=0.9, weight_decay=0.5, nesterov=True)
    assert weight == pytest.approx(2 - 0.1 * 1.9 * 1.5, abs=1e-6)
    assert bias == pytest.approx(1 - 0.1 * 1.9 * 0.25, abs=1e-6)


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("lr", [0, -1e-3, math.nan, math.inf, "1e-3", None, True])
def test_bad_learning_rates_are_refused(factory, lr):
    with pytest.raises(HeadConfigError, match=r"TH-H13: optimizer\.lr=.*a number above 0.*Try: optimizer\.lr=[\d.]+$"):
        factory(nn.Linear(1, 1), lr=lr)


@pytest.mark.parametrize(
    ("factory", "options", "message"),
    [
        (adamw, {"weight_decay": -0.1}, r"optimizer\.weight_decay=-0\.1"),
        (adamw, {"betas": (0.9, 1.0)}, r"optimizer\.betas=1\.0; allowed a number from 0 and below 1"),
        (adamw, {"betas": (0.9,)}, r"optimizer\.betas=\(0\.9,\); allowed two numbers"),
        (sgd, {"momentum": 1.0}, r"optimizer\.momentum=1\.0"),
        (sgd, {"weight_decay": "no"}, r"optimizer\.weight_decay='no'"),
        (sgd, {"momentum": 0}, r"optimizer\.nesterov=true with optimizer\.momentum=0.*Try: optimizer\.nesterov=false"),
    ],
)
def test_other_bad_options_are_refused(factory, options, message):
    with pytest.raises(HeadConfigError, match=f"TH-H13: {message}"):
        factory(nn.Linear(1, 1), **options)
