"""Rules that update the rows of a classifier's weight from their gradient, one chunk of classes after the other.

d features, c classes, k classes of one chunk.
"""

import math
from abc import ABC, abstractmethod
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from torchheads.errors import HeadConfigError


def checked(name: str, value: object, low: float, high: float, usual: float, open_low: bool = False) -> float:
    """A number of a rule, from ``low`` (above it, where it is open) to below ``high``; code H13 for any other."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and low <= value < high  # also refuses NaN
    if not number or (open_low and value == low):
        bounds = f"above {low:g}" if open_low else f"from {low:g}"
        problem = f"{name}={value!r:.60}; allowed a number {bounds}, below {high:g}"
        raise HeadConfigError("H13", problem, f"{name.split('.')[1]}={usual:g}")
    return float(value)  # type: ignore[arg-type]


class WeightStep(ABC):
    """A training step of a classifier's weight whose rows do not need each other, so that they may come in chunks.

    Args:
        lr: learning rate, > 0; may be changed between two steps.
        weight_decay: decoupled decay, >= 0; multiplied by the learning rate.

    Raises:
        HeadConfigError: code H13, for a number out of range.
    """

    def __init__(self, lr: float, weight_decay: float = 0.0) -> None:
        self.lr = checked(f"{type(self).__name__}.lr", lr, 0, math.inf, 0.01, open_low=True)
        self.weight_decay = checked(f"{type(self).__name__}.weight_decay", weight_decay, 0, math.inf, 0.0)

    def begin(self, weight: Float[Tensor, "c d"]) -> None:
        """Called once a step, before its first chunk, with the weight of all classes."""
        return

    @torch.no_grad()
    def take(self, weight: Float[Tensor, "k d"], gradient: Float[Tensor, "k d"], classes: slice) -> None:
        """Update the rows of one chunk in place; the gradient, both of shape (k, d), may be overwritten.

        The gradient may be of higher precision than the weight, and of float16 it becomes so.
        """
        if gradient.dtype == torch.float16:
            gradient = gradient.float()
        if self.weight_decay:
            weight.mul_(1 - self.lr * self.weight_decay)
        weight.sub_(self.direction(gradient, classes).to(weight.dtype), alpha=self.lr)

    @abstractmethod
    def direction(self, gradient: Float[Tensor, "k d"], classes: slice) -> Float[Tensor, "k d"]:
        """What a learning rate of 1 takes from the rows of one chunk, shape (k, d); the gradient may be overwritten."""

    def state_dict(self) -> dict[str, Any]:
        """What must be kept to go on, the learning rate aside."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        return

    def __repr__(self) -> str:
        """The constructor, with the learning rate of now."""
        return f"{type(self).__name__}(lr={self.lr:g}, weight_decay={self.weight_decay:g})"


@final
class Sgd(WeightStep):
    """Plain gradient descent, without any state. Sibling: `RowwiseAdam`, whose steps are as long for rare classes.

    Example:
        >>> weight = torch.ones(2, 3)
        >>> Sgd(lr=0.5).take(weight[:1], torch.ones(1, 3), slice(0, 1))
        >>> weight.tolist()
        [[0.5, 0.5, 0.5], [1.0, 1.0, 1.0]]
    """

    def direction(self, gradient: Float[Tensor, "k d"], classes: slice) -> Float[Tensor, "k d"]:
        """The gradient itself."""
        return gradient


@final
class RowwiseAdam(WeightStep):
    """Adam without momentum, and with one mean square a class: c numbers of state for c d weights.

        v_c <- b v_c + (1 - b) s_c,    s_c = mean_d g_cd^2
        W_c <- (1 - lr w) W_c - lr g_c / (sqrt(max(v_c / (1 - b^t), s_c)) + eps)

    The maximum keeps the first example of a rare class from a step of up to 1 / sqrt(1 - b) learning rates: none is
    longer than one.

    Args:
        lr: learning rate, > 0; may be changed between two steps.
        beta: forgetting factor b of the mean square, in [0, 1).
        eps: > 0.
        weight_decay: decoupled decay w, >= 0.

    Raises:
        HeadConfigError: code H13, for a number out of range.

    Example:
        >>> step, weight = RowwiseAdam(lr=0.5), torch.zeros(2, 3)
        >>> step.begin(weight)
        >>> step.take(weight[1:], torch.full((1, 3), 1e-4), slice(1, 2))
        >>> round(weight[1, 0].item(), 2)  # however small the gradient
        -0.5

    Source: Kingma and Ba (2015), arXiv:1412.6980, with b_1 = 0; one number a row: Gupta, Bengio, Weston (2014),
        "Training highly multiclass classifiers", section 3.2, for Adagrad; the bound of a step: Shazeer and Stern
        (2018), arXiv:1804.04235, section 6, with d = 1 for each row.
    """

    def __init__(self, lr: float, beta: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0) -> None:
        super().__init__(lr, weight_decay)
        self.beta = checked("RowwiseAdam.beta", beta, 0, 1, 0.999)
        self.eps = checked("RowwiseAdam.eps", eps, 0, math.inf, 1e-8, open_low=True)
        self.steps = 0
        self.mean_square: Float[Tensor, "c"] | None = None

    def begin(self, weight: Float[Tensor, "c d"]) -> None:
        """Count the step; the first one makes room for the mean squares.

        Raises:
            HeadConfigError: code H13, when the mean squares are of another number of classes.
        """
        if self.mean_square is None:
            full = torch.float64 if weight.dtype == torch.float64 else torch.float32
            self.mean_square = weight.new_zeros(len(weight), dtype=full)
        if len(self.mean_square) != len(weight):
            problem = f"mean squares of {len(self.mean_square)} classes for a weight of {len(weight)}; allowed as many"
            raise HeadConfigError("H13", problem, "a RowwiseAdam of its own for each classifier")
        self.mean_square = self.mean_square.to(weight.device)
        self.steps += 1

    def direction(self, gradient: Float[Tensor, "k d"], classes: slice) -> Float[Tensor, "k d"]:
        """The gradient over the root of its class's mean square."""
        assert self.mean_square is not None
        square = self.mean_square[classes]
        now = torch.linalg.vector_norm(gradient, dim=1, dtype=square.dtype).square_().div_(gradient.shape[1])
        square.lerp_(now, 1 - self.beta)
        root = torch.maximum(square / (1 - self.beta**self.steps), now).sqrt_().add_(self.eps)
        return gradient.div_(root.to(gradient.dtype).unsqueeze(1))

    def state_dict(self) -> dict[str, Any]:
        """Steps taken, and a copy of the mean squares (c,)."""
        return {"steps": self.steps, "mean_square": None if self.mean_square is None else self.mean_square.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.steps = int(state["steps"])
        self.mean_square = None if state["mean_square"] is None else state["mean_square"].clone()
