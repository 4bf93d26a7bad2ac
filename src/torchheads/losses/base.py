"""What a head asks of its criterion: one loss a row, and the constant logits it likes best.

m rows (examples or positions), c classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.buffers import ExactBuffers, constant
from torchheads.errors import HeadConfigError
from torchheads.links import LinkName

WEIGHTS = ("class_weight", "pos_weight")
"""The buffers that weights found in data may fill."""


class Criterion(ExactBuffers, nn.Module, ABC):
    """A loss that belongs to a link, or has a form for each: of softmax on distributions, of sigmoid on multi-hot rows.

    A criterion returns one loss per row, shape (m,); the head averages over the rows that are known. Weights given as
    numbers are kept as non-persistent buffers: they are configuration, not learned state. Weights found in training
    data (`take_weights`) are saved with the head, and a loaded state brings them back.
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

    def mean_of_hard(self, logits: Tensor, target: Tensor) -> Float[Tensor, ""]:
        """`mean` of a target that has been seen to be hard, each entry 0 or 1, and all known, on the CPU.

        A criterion overrides it where there is a better way to the same number then.
        """
        return self.mean(logits, target)

    @abstractmethod
    def constant_logits(self, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """The logits, shape (c,), that minimise this criterion when they must be the same for every example.

        Args:
            prior: how often each class is right, in (0, 1), shape (c,).
        """

    @property
    def awaits_counts(self) -> bool:
        """Whether it cannot be used before `take_counts` has told it how often each class occurs in training."""
        return False

    def take_counts(self, counts: Tensor, total: int | Tensor | None = None) -> None:
        """Learn how often each class is right in the training data; most criteria have no use for it.

        A head that has not been trained starts best from `reset_parameters` after it, since the constant logits change.

        Args:
            counts: examples that hold each class, shape (c,).
            total: examples of which that is known, one number or shape (c,); None for as many of each class.
        """

    def take_weights(self, name: str, weight: Float[Tensor, "c"]) -> None:
        """Take weights that were found in training data; they are saved with the head.

        Args:
            name: "class_weight" or "pos_weight".
            weight: shape (c,).

        Raises:
            HeadConfigError: code H36, when the loss has no such weight, or was given one by hand.
        """
        owner, by_hand = type(self).__name__, self._buffers.get(name) is not None
        if name not in self._buffers:
            problem = f"{owner} has no {name}, and the weights of the data are one"
            raise HeadConfigError("H36", problem, "no weights beside this loss (~weights), or another loss")
        if by_hand and name in self._non_persistent_buffers_set:
            problem = f"{owner} got {name} by hand and weights of the data; allowed one of the two"
            raise HeadConfigError("H36", problem, f"~weights, or loss.{name}=null")
        self.register_buffer(name, as_numbers(weight, torch.float32), persistent=True)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        adopt_found(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)  # type: ignore[no-untyped-call]

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


def adopt_found(criterion: Criterion, state_dict: dict[str, Tensor], prefix: str) -> None:
    """Before a state is read: room for weights that were found in data, none for what another criterion has no use for.

    What was given by hand stays, and so do found weights of which the state knows nothing.
    """
    own, by_hand = criterion._buffers, criterion._non_persistent_buffers_set
    for name in WEIGHTS:
        key = prefix + name
        if key not in state_dict and own.get(name) is not None and name not in by_hand:
            state_dict[key] = own[name]  # type: ignore[assignment]
        elif key in state_dict and name in own and own[name] is None:
            criterion.take_weights(name, torch.empty_like(state_dict[key]))
        elif key in state_dict and (name not in own or name in by_hand):
            del state_dict[key]
    if "frequencies" not in criterion._modules:
        state_dict.pop(f"{prefix}frequencies.counts", None)


def check_number(owner: str, name: str, value: float, low: float, high: float, usual: float) -> float:
    """An option of a loss as a float; it must lie from ``low`` and below ``high``.

    Raises:
        HeadConfigError: code H38.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value < high:  # also refuses NaN
        above = f" < {high:g}" if high < float("inf") else ", finite"
        problem = f"{owner} got {name}={value!r:.60}; allowed {low:g} <= {name}{above}"
        raise HeadConfigError("H38", problem, f"{name}={usual:g}")
    return float(value)


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


def positive_buffer(pos_weight: float | Sequence[float] | Tensor | None) -> Tensor | None:
    """`weight_buffer` of positive weights, of which none may be 0; code M08."""
    weight = weight_buffer("pos_weight", pos_weight, code="M08")
    if weight is not None and not weight.is_meta and bool((weight == 0).any()):
        raise HeadConfigError("M08", "pos_weight holds 0; allowed > 0", "class_weight=0 for a class to leave out")
    return weight


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
