"""L-BFGS whose line search sees the penalty on the weights, so that it converges to the penalised optimum."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, final

import torch
from torch import Tensor, nn

from torchheads.errors import HeadConfigError
from torchheads.optim.base import check_range
from torchheads.optim.groups import parameter_groups


@final
class PenalisedLbfgs(torch.optim.LBFGS):
    """torch's L-BFGS on the closure's loss plus an exact L2 penalty; built by `lbfgs`.

    The decoupled decay of `adamw` has no meaning here: the line search compares values, and a step that shrinks weights
    behind its back is not downhill in what it compares. The penalty is added after the closure, so whatever the closure
    does to loss and gradient, a mean over examples say, leaves it as it is.

    Args:
        parameters: all that is trained.
        penalised: those of them that the penalty is on.
        weight_decay: the penalty is half of it times the sum of squares.
        **options: those of ``torch.optim.LBFGS``.
    """

    def __init__(
        self, parameters: list[nn.Parameter], penalised: list[nn.Parameter], weight_decay: float, **options: Any
    ) -> None:
        super().__init__([{"params": parameters, "weight_decay": weight_decay}], **options)
        self._penalised = penalised

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Take up to ``max_iter`` iterations.

        Args:
            closure: computes the loss, a scalar, and its gradients afresh each time.

        Returns:
            The penalised loss before the step, a scalar.
        """

        def penalised_closure() -> Any:
            return closure() + self.add_penalty()

        return super().step(penalised_closure)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def add_penalty(self) -> Tensor | float:
        """Add the gradient of the penalty to those at hand; returns its value."""
        weight_decay: float = self.param_groups[0]["weight_decay"]
        training = [parameter for parameter in self._penalised if parameter.requires_grad]  # not what thaws later
        if weight_decay == 0 or not training:
            return 0.0
        for parameter in training:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            parameter.grad.add_(parameter, alpha=weight_decay)
        squares: Tensor = torch.stack([parameter.square().sum() for parameter in training]).sum()
        return squares * (weight_decay / 2)


def lbfgs(
    module: nn.Module,
    lr: float = 1.0,
    weight_decay: float = 0.0,
    max_iter: int = 20,
    max_eval: int | None = None,
    tolerance_grad: float = 1e-7,
    tolerance_change: float = 1e-9,
    history_size: int = 10,
    line_search: Literal["strong_wolfe"] | None = "strong_wolfe",
) -> PenalisedLbfgs:
    """L-BFGS: for a head on fixed features and full batches, where it needs far fewer passes than `adamw`.

    It assumes that the loss of a batch does not change between two calls, so dropout and small batches mislead it. On N
    examples ``weight_decay = 1 / (C N)`` is scikit-learn's penalty ``C`` of a logistic regression. Kernels in another
    memory format are laid out plainly, since torch's L-BFGS reads gradients as one vector.

    Equation::

        minimise  loss + weight_decay / 2 * sum of squares of matrices and kernels

    Args:
        module: what is trained.
        lr: first step length that the line search tries, > 0; 1 is right with a line search.
        weight_decay: weight of the penalty, >= 0; biases and norms have none.
        max_iter: iterations in one optimizer step, >= 1.
        max_eval: evaluations of the loss in one optimizer step, >= 1; None for 5/4 of ``max_iter``.
        tolerance_grad: stop when no entry of the gradient is larger, >= 0.
        tolerance_change: stop when loss or weights change by less, >= 0; float32 cannot do with less than 1e-9.
        history_size: number of earlier gradients that shape the step, >= 1.
        line_search: ``"strong_wolfe"``, or None for steps of fixed length ``lr``.

    Raises:
        HeadConfigError: code H13, naming the option, its value and what to type.

    Example:
        >>> lbfgs(nn.Linear(3, 2), weight_decay=0.1).defaults["max_iter"]
        20

    Source: Nocedal and Wright 2006, Numerical Optimization, algorithms 7.5 and 3.5.
    """
    check_range("optimizer.lr", lr, 0, math.inf, "optimizer.lr=1", open_low=True)
    check_range("optimizer.weight_decay", weight_decay, 0, math.inf, "optimizer.weight_decay=0.001")
    check_range("optimizer.tolerance_grad", tolerance_grad, 0, math.inf, "optimizer.tolerance_grad=1e-7")
    check_range("optimizer.tolerance_change", tolerance_change, 0, math.inf, "optimizer.tolerance_change=1e-9")
    counts = {"max_iter": (max_iter, 20), "history_size": (history_size, 10), "max_eval": (max_eval, 25)}
    for option, (count, usual) in counts.items():
        if option != "max_eval" or count is not None:
            check_count(f"optimizer.{option}", count, usual)
    if line_search not in (None, "strong_wolfe"):
        problem = f"optimizer.line_search={line_search!r}; allowed 'strong_wolfe' or null"
        raise HeadConfigError("H13", problem, "optimizer.line_search=strong_wolfe")
    groups = parameter_groups(module, 1.0)
    parameters = [parameter for group in groups for parameter in group["params"]]
    penalised = [parameter for group in groups for parameter in group["params"] if group["weight_decay"] > 0]
    for parameter in parameters:
        parameter.data = parameter.data.contiguous()  # a gradient has the layout of its parameter
    return PenalisedLbfgs(
        parameters,
        penalised,
        weight_decay,
        lr=lr,
        max_iter=max_iter,
        max_eval=max_eval,
        tolerance_grad=tolerance_grad,
        tolerance_change=tolerance_change,
        history_size=history_size,
        line_search_fn=line_search,
    )


def check_count(option: str, count: Any, usual: int) -> None:
    """Refuse what is not a whole number above 0.

    Raises:
        HeadConfigError: code H13, naming the option, its value and what to type.
    """
    if type(count) is not int or count < 1:
        raise HeadConfigError("H13", f"{option}={count!r}; allowed a whole number above 0", f"{option}={usual}")
