"""Optimizers by name, each a function of the module that is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from torchheads.errors import HeadConfigError
from torchheads.optim.base import check_range
from torchheads.optim.fused import SGD, AdamW, can_fuse
from torchheads.optim.groups import parameter_groups
from torchheads.optim.learning_rates import LearningRates


def adamw(
    module: nn.Module,
    lr: float = 1e-3,
    weight_decay: float = 0.01,
    betas: Sequence[float] = (0.9, 0.999),
    head_lr_factor: float = 1.0,
    layer_decay: float = 1.0,
) -> torch.optim.AdamW:
    """AdamW: the default; forgiving in its learning rate, where `sgd` needs a fitting one.

    Args:
        module: what is trained.
        lr: learning rate at the schedule's peak, > 0.
        weight_decay: decoupled decay of matrices and kernels, >= 0; multiplied by the learning rate at each step.
        betas: forgetting factors of the mean and the square of the gradient, each in [0, 1).
        head_lr_factor: the head's learning rate is ``lr`` times this, > 0.
        layer_decay: stage j of a backbone of J stages has ``lr * layer_decay ** (J - j)``, see `LearningRates`; in
            (0, 1].

    Raises:
        HeadConfigError: code H13, naming the option, its value and what to type; H34, for learning rates by depth of a
            module that is not a backbone and a head.

    Example:
        >>> adamw(nn.Linear(3, 2), lr=1e-3).defaults["lr"]
        0.001

    Source: Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization, algorithm 2.
    """
    check_rate(lr, 1e-3)
    check_range("optimizer.weight_decay", weight_decay, 0, math.inf, "optimizer.weight_decay=0.01")
    if len(betas) != 2:
        raise HeadConfigError("H13", f"optimizer.betas={betas!r}; allowed two numbers", "optimizer.betas=[0.9,0.999]")
    for beta in betas:
        check_range("optimizer.betas", beta, 0, 1, "optimizer.betas=[0.9,0.999]")
    rates = LearningRates(lr, head_lr_factor, layer_decay)
    rates.check()
    groups = parameter_groups(module, weight_decay, rates)
    return AdamW(groups, can_fuse(module, groups), lr=lr, betas=(betas[0], betas[1]))


def sgd(
    module: nn.Module,
    lr: float = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    nesterov: bool = True,
    head_lr_factor: float = 1.0,
    layer_decay: float = 1.0,
) -> torch.optim.SGD:
    """Stochastic gradient descent with momentum: less memory than `adamw`, and a learning rate worth tuning.

    Args:
        module: what is trained.
        lr: learning rate at the schedule's peak, > 0.
        momentum: forgetting factor of the step direction, in [0, 1).
        weight_decay: added to the gradient of matrices and kernels as ``weight_decay * weight``, >= 0.
        nesterov: look one step ahead; needs momentum > 0.
        head_lr_factor: as in `adamw`.
        layer_decay: as in `adamw`.

    Raises:
        HeadConfigError: codes H13 and H34, as in `adamw`.

    Example:
        >>> sgd(nn.Linear(3, 2), lr=0.1).defaults["momentum"]
        0.9

    Source: Sutskever et al. 2013, On the importance of initialization and momentum in deep learning, section 2.
    """
    check_rate(lr, 0.1)
    check_range("optimizer.momentum", momentum, 0, 1, "optimizer.momentum=0.9")
    check_range("optimizer.weight_decay", weight_decay, 0, math.inf, "optimizer.weight_decay=5e-4")
    if nesterov and momentum == 0:
        problem = "optimizer.nesterov=true with optimizer.momentum=0; allowed with momentum above 0"
        raise HeadConfigError("H13", problem, "optimizer.nesterov=false")
    rates = LearningRates(lr, head_lr_factor, layer_decay)
    rates.check()
    groups = parameter_groups(module, weight_decay, rates)
    return SGD(groups, can_fuse(module, groups), lr=lr, momentum=momentum, nesterov=nesterov)


def check_rate(lr: float, usual: float) -> None:
    """Refuse a learning rate that is not a finite number above 0.

    Raises:
        HeadConfigError: code H13, with a usual rate of this optimizer as the remedy.
    """
    check_range("optimizer.lr", lr, 0, math.inf, f"optimizer.lr={usual:g}", open_low=True)
