"""Rules that update the rows of a classifier's weight from their gradient, one chunk of classes after the other.

d features, c classes, k classes of one chunk.
"""

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from torchheads.errors import HeadConfigError


class WeightStep(ABC):
    """A training step of a classifier's weight whose rows do not need each other, so that they may come in chunks.

    Args:
        lr: learning rate, > 0; may be changed between two steps.
        weight_decay: decoupled decay, >= 0; multiplied by the learning rate.

    Raises:
        HeadConfigError: code H13, for a number out of range.
    """

    def __init__(self, lr: float, weight_decay: float = 0.0) -> None:
        if not lr > 0 or not weight_decay >= 0:
            problem = f"{type(self).__name__} got lr={lr!r}, weight_decay={weight_decay!r}; allowed lr > 0, decay >= 0"
            raise HeadConfigError("H13", problem, "lr=0.01, weight_decay=0.0")
        self.lr = float(lr)
        self.weight_decay = float(weight_decay)

    def begin(self, weight: Float[Tensor, "c d"]) -> None:
        """Called once a step, before its first chunk, with the weight of all classes."""
        return

    @torch.no_grad()
    def take(self, weight: Float[Tensor, "k d"], gradient: Float[Tensor, "k d"], classes: slice) -> None:
        """Update the rows of one chunk in place; the gradient, both of shape (k, d), may be overwritten."""
        if self.weight_decay:
            weight.mul_(1 - self.lr * self.weight_decay)
        weight.sub_(self.direction(gradient, classes), alpha=self.lr)

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

        v_c <- b v_c + (1 - b) mean_d g_cd^2,    W_c <- (1 - lr w) W_c - lr g_c / (sqrt(v_c / (1 - b^t)) + eps)

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
        >>> round(weight[1, 0].item(), 2)  # the first step of a class is as long as the learning rate says
        -0.5

    Source: Kingma and Ba (2015), arXiv:1412.6980, with b_1 = 0; one number a row: Gupta, Bengio, Weston (2014),
        "Training highly multiclass classifiers", section 3.2, for Adagrad.
    """

    def __init__(self, lr: float, beta: float = 0.999, eps: float = 1e-8, weight_decay: float = 0.0) -> None:
        super().__init__(lr, weight_decay)
        if not 0 <= beta < 1 or not eps > 0:
            problem = f"RowwiseAdam got beta={beta!r}, eps={eps!r}; allowed 0 <= beta < 1, eps > 0"
            raise HeadConfigError("H13", problem, "beta=0.999, eps=1e-8")
        self.beta, self.eps = float(beta), float(eps)
        self.steps = 0
        self.mean_square: Float[Tensor, "c"] | None = None

    def begin(self, weight: Float[Tensor, "c d"]) -> None:
        """Count the step; the first one makes room for the mean squares.

        Raises:
            HeadConfigError: code H13, when the mean squares are of another number of classes.
        """
        if self.mean_square is None:
            self.mean_square = weight.new_zeros(len(weight), dtype=torch.float32)
        if len(self.mean_square) != len(weight):
            problem = f"mean squares of {len(self.mean_square)} classes for a weight of {len(weight)}; allowed as many"
            raise HeadConfigError("H13", problem, "a RowwiseAdam of its own for each classifier")
        self.mean_square = self.mean_square.to(weight.device)
        self.steps += 1

    def direction(self, gradient: Float[Tensor, "k d"], classes: slice) -> Float[Tensor, "k d"]:
        """The gradient over the root of its class's mean square."""
        assert self.mean_square is not None
        square = self.mean_square[classes]
        norm = torch.linalg.vector_norm(gradient, dim=1, dtype=square.dtype)
        square.lerp_(norm.square_().div_(gradient.shape[1]), 1 - self.beta)
        root = square.div(1 - self.beta**self.steps).sqrt_().add_(self.eps)
        return gradient.div_(root.to(gradient.dtype).unsqueeze(1))

    def state_dict(self) -> dict[str, Any]:
        """Steps taken, and the mean squares (c,)."""
        return {"steps": self.steps, "mean_square": self.mean_square}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.steps = int(state["steps"])
        self.mean_square = None if state["mean_square"] is None else state["mean_square"].clone()
