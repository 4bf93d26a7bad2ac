"""Optimizers by name, each a function of the module that is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from torchheads.errors import HeadConfigError
from torchheads.optim.base import check_range
from torchheads.optim.groups import parameter_groups


def adamw(
    module: nn.Module, lr: float = 1e-3, weight_decay: float = 0.01, betas: Sequence[float] = (0.9, 0.999)
) -> torch.optim.AdamW:
    """AdamW: the default; forgiving in its learning rate, where `sgd` needs a fitting one.

    Args:
        module: what is trained.
        lr: learning rate at the schedule's peak, > 0.
        weight_decay: decoupled decay of matrices and kernels, >= 0; multiplied by the learning rate at each step.
        betas: forgetting factors of the mean and the square of the gradient, each in [0, 1).

    Raises:
        HeadConfigError: code H13, naming the option, its value and what to type.

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
    return torch.optim.AdamW(parameter_groups(module, weight_decay), lr=lr, betas=(betas[0], betas[1]))


def sgd(
    module: nn.Module, lr: float = 0.1, momentum: float = 0.9, weight_decay: float = 5e-4, nesterov: bool = True
) -> torch.optim.SGD:
    """Stochastic gradient descent with momentum: less memory than `adamw`, and a learning rate worth tuning.

    Args:
        module: what is trained.
        lr: learning rate at the schedule's peak, > 0.
        momentum: forgetting factor of the step direction, in [0, 1).
        weight_decay: added to the gradient of matrices and kernels as ``weight_decay * weight``, >= 0.
        nesterov: look one step ahead; needs momentum > 0.

    Raises:
        HeadConfigError: code H13, naming the option, its value and what to type.

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
    return torch.optim.SGD(parameter_groups(module, weight_decay), lr=lr, momentum=momentum, nesterov=nesterov)


def lbfgs(
    module: nn.Module,
    lr: float = 1.0,
    max_iter: int = 20,
    history_size: int = 10,
    line_search: Literal["strong_wolfe"] | None = "strong_wolfe",
) -> torch.optim.LBFGS:
    """L-BFGS: for a head on fixed features and full batches, where it needs far fewer passes than `adamw`.

    It assumes that the loss of a batch does not change between two calls, so dropout and small batches mislead it. It
    knows neither groups nor weight decay. Kernels in another memory format are laid out plainly, since torch's L-BFGS
    reads gradients as one vector.

    Args:
        module: what is trained.
        lr: first step length that the line search tries, > 0; 1 is right with a line search.
        max_iter: iterations in one optimizer step, >= 1.
        history_size: number of earlier gradients that shape the step, >= 1.
        line_search: ``"strong_wolfe"``, or None for steps of fixed length ``lr``.

    Raises:
        HeadConfigError: code H13, naming the option, its value and what to type.

    Example:
        >>> lbfgs(nn.Linear(3, 2)).defaults["max_iter"]
        20

    Source: Nocedal and Wright 2006, Numerical Optimization, algorithms 7.5 and 3.5.
    """
    check_rate(lr, 1.0)
    check_range("optimizer.max_iter", max_iter, 1, math.inf, "optimizer.max_iter=20")
    check_range("optimizer.history_size", history_size, 1, math.inf, "optimizer.history_size=10")
    if line_search not in (None, "strong_wolfe"):
        problem = f"optimizer.line_search={line_search!r}; allowed 'strong_wolfe' or null"
        raise HeadConfigError("H13", problem, "optimizer.line_search=strong_wolfe")
    parameters = [parameter for group in parameter_groups(module, 0.0) for parameter in group["params"]]
    for parameter in parameters:
        parameter.data = parameter.data.contiguous()  # a gradient has the layout of its parameter
    return torch.optim.LBFGS(
        parameters, lr=lr, max_iter=max_iter, history_size=history_size, line_search_fn=line_search
    )


def check_rate(lr: float, usual: float) -> None:
    """Refuse a learning rate that is not a finite number above 0.

    Raises:
        HeadConfigError: code H13, with a usual rate of this optimizer as the remedy.
    """
    check_range("optimizer.lr", lr, 0, math.inf, f"optimizer.lr={usual:g}", open_low=True)
