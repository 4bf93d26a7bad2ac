"""A linear classifier that is walked chunk by chunk, its gradients formed on the way and handed out in backward.

n examples, d features, c classes, k classes of one chunk. The gradient of the summed loss with respect to the logits is
the *slope*.
"""

from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch._compile import _disable_dynamo

from torchheads.errors import HeadConfigError, LogitsError
from torchheads.linear.functional import chunk_size, chunks_of


class Walk(Protocol):
    """A loss on its way over the chunks of a linear classifier."""

    def loss(self, linear: "ChunkedLinear") -> Float[Tensor, ""]:
        """The loss, a scalar; hands the linear the slopes of each chunk on the way where it wants gradients."""

    def slopes(self, linear: "ChunkedLinear") -> None:
        """Hand a second linear of the same weights the slopes of each chunk, after `loss` of one that wanted none."""


class ChunkedLinear:
    """Logits z = X W' + b for some classes at a time, and the gradients of X, W and b from the slopes of each chunk.

        dX = sum over chunks of S W,    dW = S' X,    db = S' 1        with the slopes S = d loss / d z of shape (n, k)

    Matrix products run in the dtype of the features, or in autocast's; sums and all that is made of logits in float32
    (float64 for float64 features). The gradient of the weight doubles as a memory: until a chunk of it is written, it
    holds the logits of as many rows as fit, d of n, so that a second pass need not make them again.

    Args:
        features: shape (n, d).
        weight: shape (c, d).
        bias: shape (c,), or None.
        wanted: which of the three need a gradient.
        chunk_classes: classes of one chunk; None for `chunk_size`'s rule.
    """

    def __init__(
        self,
        features: Float[Tensor, "n d"],
        weight: Float[Tensor, "c d"],
        bias: Float[Tensor, "c"] | None,
        wanted: tuple[bool, ...],
        chunk_classes: int | None,
    ) -> None:
        self.dtype = product_dtype(features, weight)
        self.full = torch.float64 if self.dtype == torch.float64 else torch.float32
        # Half precision has no digits left for a probability of 1e-5, and no later loss scale brings them back.
        self.slope_dtype = torch.float32 if self.dtype == torch.float16 else self.dtype
        self.features, self.weight = features.to(self.dtype), weight
        self.bias = None if bias is None else bias.to(self.full)
        self.rows, self.num_classes = features.shape[0], weight.shape[0]
        size = chunk_classes or chunk_size(self.rows, self.num_classes, self.full, features.device)
        self.size = max(min(size, self.num_classes), 1)
        self.chunks = chunks_of(self.num_classes, self.size)
        self._logits = features.new_empty(self.rows * self.size, dtype=self.full)
        self._make_gradients(features, weight, bias, wanted)

    def _make_gradients(self, features: Tensor, weight: Tensor, bias: Tensor | None, wanted: tuple[bool, ...]) -> None:
        of_features, of_weight, of_bias = wanted
        self.wants_gradients = any(wanted)
        self.grad_features = features.new_zeros(features.shape, dtype=self.full) if of_features else None
        self.grad_weight = torch.empty(weight.shape, dtype=weight.dtype, device=weight.device) if of_weight else None
        self.grad_bias = torch.empty_like(bias) if of_bias and bias is not None else None
        lossless = of_weight and weight.dtype == self.full
        self.kept_rows = min(self.rows, weight.shape[1]) if lossless else 0

    # Forward --------------------------------------------------------------------------------------------------------

    def logits(self, classes: slice) -> Float[Tensor, "n k"]:
        """Logits (n, k) of some classes, in a buffer that the next chunk will use again."""
        return self._multiply(classes, first=0)

    def keep(self, classes: slice, logits: Float[Tensor, "n k"]) -> None:
        """Remember as many rows of a chunk's logits (n, k) as its part of the weight's gradient has room for."""
        if self.kept_rows:
            self._memory(classes).copy_(logits[: self.kept_rows])

    def kept_logits(self, classes: slice) -> Float[Tensor, "n k"]:
        """As `logits`, without making those rows again that were kept."""
        logits = self._multiply(classes, first=self.kept_rows)
        if self.kept_rows:
            logits[: self.kept_rows] = self._memory(classes)
        return logits

    def _memory(self, classes: slice) -> Float[Tensor, "kept k"]:
        """The part of the weight's gradient that belongs to a chunk, as logits of the rows kept, (kept, k)."""
        assert self.grad_weight is not None
        shape = (self.kept_rows, classes.stop - classes.start)
        return self.grad_weight[classes].view(-1)[: shape[0] * shape[1]].view(shape)

    def _multiply(self, classes: slice, first: int) -> Float[Tensor, "n k"]:
        """The buffer as (n, k), with the logits of all rows from the first on in it."""
        width = classes.stop - classes.start
        buffer = self._logits[: self.rows * width].view(self.rows, width)
        logits, features, weight = buffer[first:], self.features[first:], self.weight[classes].to(self.dtype)
        if self.dtype != self.full:
            logits.copy_(features @ weight.t())
            if self.bias is not None:
                logits += self.bias[classes]
        elif self.bias is None:
            torch.mm(features, weight.t(), out=logits)
        else:
            torch.addmm(self.bias[classes], features, weight.t(), out=logits)
        return buffer

    # Backward -------------------------------------------------------------------------------------------------------

    def take_slopes(self, classes: slice, slopes: Float[Tensor, "n k"]) -> None:
        """Form what the slopes (n, k) of some classes add to the gradients; forgets the chunk's logits."""
        products = slopes.to(self.slope_dtype)
        if self.grad_features is not None:
            weight = self.weight[classes].to(self.slope_dtype)
            if self.slope_dtype == self.full:
                self.grad_features.addmm_(products, weight)
            else:
                self.grad_features += products @ weight
        if self.grad_weight is not None:
            features, part = self.features.to(self.slope_dtype), self.grad_weight[classes]
            if part.dtype == self.slope_dtype:
                torch.mm(products.t(), features, out=part)
            else:
                part.copy_(products.t() @ features)
        if self.grad_bias is not None:
            self.grad_bias[classes] = slopes.sum(dim=0)

    @property
    def of_all_classes(self) -> list[Tensor]:
        """What other classes than the linear's own add to: the gradient of the features, where it is wanted."""
        return [] if self.grad_features is None else [self.grad_features]

    @property
    def gradients(self) -> list[Tensor | None]:
        """Gradients of features (in full precision), weight and bias; None where none is wanted."""
        return [self.grad_features, self.grad_weight, self.grad_bias]


def product_dtype(features: Float[Tensor, "n d"], weight: Float[Tensor, "c d"]) -> torch.dtype:
    """The dtype of matrix products: autocast's where it is on, else that of features and weight.

    Raises:
        LogitsError: code L04, for features and weight of different dtypes without autocast.
    """
    if torch.is_autocast_enabled(features.device.type) and features.dtype != torch.float64:
        return torch.get_autocast_dtype(features.device.type)
    if features.dtype != weight.dtype:
        problem = f"features of dtype {features.dtype}; allowed {weight.dtype}, the weight's own"
        raise LogitsError("L04", problem, f"features.to({weight.dtype})")
    return features.dtype


class SummedLoss(torch.autograd.Function):
    """A loss whose gradients are formed together with it, and wait until backward scales them.

    Nothing else is saved: no logits, no probabilities.
    """

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """The loss, a scalar; arguments are features, weight, bias, which of them want gradients, chunk and walk."""
        features, weight, bias, wanted, chunk_classes, walk = arguments
        linear = ChunkedLinear(features, weight, bias, wanted, chunk_classes)
        with torch.autocast(features.device.type, enabled=False):
            loss: Tensor = walk.loss(linear)
        ctx.gradients, ctx.dtype = linear.gradients, features.dtype
        ctx.save_for_backward(features.new_empty(0))  # torch watches it: a second backward gets torch's own error
        return loss

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> tuple[Tensor | None, ...]:
        """The gradients times the slope of what came after the loss.

        Raises:
            HeadConfigError: code L09, when gradients of these gradients will be asked for (``create_graph=True``).
        """
        if torch.is_grad_enabled():
            problem = "a gradient of a gradient (create_graph=True) through a loss over chunks of classes"
            raise HeadConfigError("L09", f"{problem}; allowed first order", "path='dense', or the loss of the logits")
        assert ctx.saved_tensors
        retained = graph_is_retained()
        gradients = ctx.gradients
        if not retained:
            del ctx.gradients  # so that nobody else holds them: they are scaled in place, and become .grad as they are
        scaled = [scale(gradient, slopes[0], copy=retained) for gradient in gradients]
        features = None if scaled[0] is None else scaled[0].to(ctx.dtype)
        return features, scaled[1], scaled[2], None, None, None


def graph_is_retained() -> bool:
    """Whether the backward pass now running may run again (``retain_graph=True``); True where torch does not say."""
    ask = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", None)
    return True if ask is None else bool(ask())


def scale(gradient: Float[Tensor, "*any"] | None, factor: Float[Tensor, ""], copy: bool) -> Tensor | None:
    """A gradient times a number, in place unless a copy is asked for.

    Example:
        >>> scale(torch.ones(2), torch.tensor(3.0), copy=True)
        tensor([3., 3.])
    """
    if gradient is None:
        return None
    return (gradient * factor).to(gradient.dtype) if copy else gradient.mul_(factor)


def summed_loss(
    features: Float[Tensor, "n d"],
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, "c"] | None,
    chunk_classes: int | None,
    walk: Walk,
) -> Float[Tensor, ""]:
    """What a walk over the chunks sums up, a scalar that can be differentiated once; a compiled model breaks here."""
    inputs = (features, weight, bias)
    wanted = tuple(torch.is_grad_enabled() and x is not None and x.requires_grad for x in inputs)
    if torch.compiler.is_compiling():
        return apply_uncompiled(SummedLoss, *inputs, wanted, chunk_classes, walk)
    loss: Tensor = SummedLoss.apply(*inputs, wanted, chunk_classes, walk)  # type: ignore[no-untyped-call]
    return loss


@_disable_dynamo  # type: ignore[untyped-decorator] # torch.compiler.disable would import the compiler here and now
def apply_uncompiled(function: type[torch.autograd.Function], *arguments: Any) -> Float[Tensor, ""]:
    """A loss over chunks outside the graphs of a compiled model, which would write out every chunk."""
    loss: Tensor = function.apply(*arguments)  # type: ignore[no-untyped-call]
    return loss
