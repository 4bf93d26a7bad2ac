"""What a head asks of its criterion: one loss a row, and the constant logits it likes best.

m rows (examples or positions), c classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from numbers import Real
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.buffers import constant, keep_exact
from torchheads.errors import HeadConfigError
from torchheads.links import LinkName


class Criterion(nn.Module, ABC):
    """A loss that belongs to a link, or has a form for each: of softmax on distributions, of sigmoid on multi-hot rows.

    A criterion returns one loss per row, shape (m,); the head averages over the rows that are known. Weights given as
    numbers are kept as non-persistent buffers: they are configuration, not learned state.
    """

    links: ClassVar[tuple[LinkName, ...]]
    """The link functions it is a loss for."""
    refuses_bad_indices: ClassVar[bool] = False
    """Whether class indices out of range raise an error on the CPU, so that nobody has to look at them first."""

    def __init__(self) -> None:
        super().__init__()
        self.link = self.links[0]

    @abstractmethod
    def forward(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, "m"]:
        """Loss of each row in nats, shape (m,).

        Args:
            logits: shape (m, c), float32 or float64.
            target: (m,) int64 or (m, c); what the link calls for.
            known: bool of the target's shape; None for everything.
        """

    def mean(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, ""]:
        """Mean loss of the rows in which anything is known, a scalar; 0 where nothing is.

        A criterion overrides it where torch has one kernel for the whole.
        """
        losses: Tensor = self(logits, target, known)
        if known is None:
            return losses.sum() / max(losses.shape[0], 1)
        rows = known if known.ndim == 1 else known.any(dim=1)
        return losses.sum() / rows.sum().clamp(min=1)

    @abstractmethod
    def constant_logits(self, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """The logits, shape (c,), that minimise this criterion when they must be the same for every example.

        Args:
            prior: how often each class is right, in (0, 1), shape (c,).
        """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move to another device or dtype, but keep the weights exact."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        keep_exact(self, before)
        return self

    def bind(self, num_classes: int, link: LinkName) -> None:
        """Take the form of a head's link; spread one number over all classes, refuse weights of another length.

        Called once by the head that takes the criterion, whose link is one of `links`.

        Raises:
            HeadConfigError: code T13, or M08 for ``pos_weight``.
        """
        self.link = link
        for name, weight in list(self.named_buffers(recurse=False)):
            if weight.ndim == 0:
                setattr(self, name, weight.expand(num_classes).clone())
            elif weight.shape != (num_classes,):
                problem = f"{name} has shape {tuple(weight.shape)}; allowed ({num_classes},)"
                code = "M08" if name == "pos_weight" else "T13"
                remedy = f"one {name} for each of the {num_classes} classes, in a {type(self).__name__} of its own"
                raise HeadConfigError(code, problem, remedy)


def weight_buffer(name: str, weight: float | Sequence[float] | Tensor | None, code: str = "T13") -> Tensor | None:
    """Weights as a float32 tensor of shape (c,), or () for one number; finite and not negative; None stays None.

    Raises:
        HeadConfigError: with the code given, naming the first bad weight.
    """
    if weight is None:
        return None
    values = as_numbers(weight, torch.float32)
    what = bad_weight(weight, values)
    if what:
        problem = f"{name} got {what}; allowed finite numbers >= 0, one for all classes or one a class"
        raise HeadConfigError(code, problem, f"{name}=[1.0, ...]")
    return values


def bad_weight(weight: object, values: Tensor | None) -> str:
    """What is wrong with a weight, of which ``values`` are the numbers; empty where nothing is, or none can be read."""
    if values is None:
        return f"{weight!r:.60}"
    if values.ndim > 1:
        return f"shape {tuple(values.shape)}"
    bad = ~((values >= 0) & values.isfinite())
    return f"{values[bad][0].item():g}" if not values.is_meta and bad.any() else ""


def as_numbers(values: object, dtype: torch.dtype) -> Tensor | None:
    """A number, numbers or a tensor of them in the dtype given; None for anything that is not made of numbers.

    Example:
        >>> as_numbers([1, 2], torch.float32), as_numbers(["a", "b"], torch.float32)
        (tensor([1., 2.]), None)
    """
    if isinstance(values, Tensor) and values.is_complex():
        return None
    try:
        return constant(values, dtype)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def check_smoothing(label_smoothing: float) -> float:
    """Refuse a label smoothing outside [0, 1).

    Raises:
        HeadConfigError: code T14.
    """
    if not isinstance(label_smoothing, Real) or not 0 <= label_smoothing < 1:  # also refuses NaN
        problem = f"label_smoothing={label_smoothing!r}; allowed 0 <= label_smoothing < 1"
        raise HeadConfigError("T14", problem, "label_smoothing=0.1")
    return float(label_smoothing)


def shown_weight(weight: Tensor | None) -> str:
    """Weights as the constructor takes them, to four decimals.

    Example:
        >>> shown_weight(torch.tensor([1.0, 2.5])), shown_weight(None)
        ('[1.0, 2.5]', 'None')
    """
    if weight is None:
        return "None"
    return str(round(weight.item(), 4) if weight.ndim == 0 else [round(w, 4) for w in weight.tolist()])
