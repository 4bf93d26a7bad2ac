"""A linear classifier whose weight takes its training step in the backward pass, so that no gradient of it ever exists.

n examples, d features, c classes, k classes of one chunk.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from torchheads.errors import HeadConfigError
from torchheads.linear.base import ChunkedLinear, Walk, apply_uncompiled, summed_loss
from torchheads.linear.steps import WeightStep


class SteppingLinear(ChunkedLinear):
    """A `ChunkedLinear` that turns the slopes of each chunk into the new weights of its classes.

        dX += S W_k,    db_k = S' 1,    then W_k <- step(W_k, S' X)        with slopes S = d loss / d z of shape (n, k)

    Chunks share no weights, so the features' gradient is that of the weights before the step.

    Args:
        features: shape (n, d).
        weight: shape (c, d), changed in place.
        bias: shape (c,), or None.
        wanted: which of the three need a gradient; the weight gets none.
        chunk_classes: as `ChunkedLinear` takes it.
        step: what makes new weights of a gradient.
    """

    def __init__(
        self,
        features: Float[Tensor, "n d"],
        weight: Float[Tensor, "c d"],
        bias: Float[Tensor, "c"] | None,
        wanted: tuple[bool, ...],
        chunk_classes: int | None,
        step: WeightStep,
    ) -> None:
        super().__init__(features, weight, bias, (wanted[0], False, wanted[2]), chunk_classes)
        self.step = step
        self.factor: Float[Tensor, ""] | None = None
        self.wants_gradients = False  # until `begin`

    def begin(self, factor: Float[Tensor, ""]) -> None:
        """Let the slopes that come be taken, each times a number: the slope of what came after the loss."""
        self.factor = factor.to(self.full)
        self.wants_gradients = True
        self.step.begin(self.weight)

    def take_slopes(self, classes: slice, slopes: Float[Tensor, "n k"]) -> None:
        """As `ChunkedLinear`, and the step of the chunk's weights."""
        assert self.factor is not None
        slopes.mul_(self.factor)
        super().take_slopes(classes, slopes)
        gradient = slopes.to(self.slope_dtype).t() @ self.features.to(self.slope_dtype)
        self.step.take(self.weight[classes], gradient, classes)


class SteppedLoss(torch.autograd.Function):
    """A loss whose backward pass walks over the chunks once more and leaves the weight with its step taken.

    One more product than `torchheads.linear.base.SummedLoss` for a loss of entries, as many for a softmax as without
    room to keep logits in: what is saved is the gradient of the weight, and the optimizer's walk over it.
    """

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """The loss, a scalar; arguments are those of `SteppingLinear`, and the walk."""
        *parts, walk = arguments
        linear = SteppingLinear(*parts)
        with torch.autocast(linear.features.device.type, enabled=False):
            loss: Tensor = walk.loss(linear)
        ctx.linear, ctx.walk, ctx.dtype, ctx.version = linear, walk, parts[0].dtype, parts[1]._version
        ctx.save_for_backward(*(x for x in parts[:3] if x is not None))  # torch refuses what has changed since
        return loss

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> tuple[Tensor | None, ...]:
        """Take the step; the gradients of features and bias.

        Raises:
            HeadConfigError: code L09, when gradients of these gradients will be asked for (``create_graph=True``), or
                when the weights are not those of this loss any more.
        """
        if ctx.linear.weight._version != ctx.version:
            problem = "a loss whose classifier has stepped since, in the backward pass of another; allowed one a step"
            raise HeadConfigError("L09", problem, "head.loss again, or step_in_backward(head, None)")
        if torch.is_grad_enabled():
            problem = "a gradient of a gradient (create_graph=True) through a classifier that steps in backward"
            raise HeadConfigError("L09", f"{problem}; allowed first order", "path='dense', without a step in backward")
        assert ctx.saved_tensors
        linear, walk = ctx.linear, ctx.walk
        with torch.autocast(linear.features.device.type, enabled=False):
            linear.begin(slopes[0])
            walk.slopes(linear)
        features = None if linear.grad_features is None else linear.grad_features.to(ctx.dtype)
        return features, None, linear.grad_bias, None, None, None, None


def walked_loss(
    features: Float[Tensor, "n d"],
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, "c"] | None,
    chunk_classes: int | None,
    walk: Walk,
    step: WeightStep | None,
) -> Float[Tensor, ""]:
    """What a walk over the chunks sums up, a scalar; with a step, the weight takes it when this goes backward.

    Any backward pass through it takes the step, also one for the gradient of the features alone.

    Raises:
        HeadConfigError: code H28, for a step of a weight that is no leaf.
    """
    if step is None or not torch.is_grad_enabled() or not weight.requires_grad:
        return summed_loss(features, weight, bias, chunk_classes, walk)
    if not weight.is_leaf:
        problem = "a weight that is made of another tensor, which would not learn from a step; allowed a parameter"
        raise HeadConfigError("H28", problem, "step=None, for a gradient")
    wanted = tuple(x is not None and x.requires_grad for x in (features, weight, bias))
    arguments = (features, weight, bias, wanted, chunk_classes, step, walk)
    if torch.compiler.is_compiling():
        return apply_uncompiled(SteppedLoss, *arguments)
    loss: Tensor = SteppedLoss.apply(*arguments)  # type: ignore[no-untyped-call]
    return loss
