"""What a head asks of its criterion: one loss a row, and the constant logits it likes best.

m rows (examples or positions), c classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.errors import HeadConfigError

Link = Literal["softmax", "sigmoid"]


class Criterion(nn.Module, ABC):
    """A loss that belongs to one link: softmax criteria take distributions, sigmoid criteria take multi-hot rows.

    A criterion returns one loss per row, shape (m,); the head averages over the rows that are known. Weights given as
    numbers are kept as non-persistent buffers: they are configuration, not learned state.
    """

    link: ClassVar[Link]

    @abstractmethod
    def forward(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, "m"]:
        """Loss of each row in nats, shape (m,).

        Args:
            logits: shape (m, c), float32 or float64.
            target: (m,) int64 or (m, c); what the link calls for.
            known: bool of the target's shape; None for everything.
        """

    @abstractmethod
    def constant_logits(self, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """The logits, shape (c,), that minimise this criterion when they must be the same for every example.

        Args:
            prior: how often each class is right, in (0, 1), shape (c,).
        """

    def check(self, num_classes: int) -> None:
        """Refuse weights that have not one entry a class.

        Raises:
            HeadConfigError: code T13, or M08 for ``pos_weight``.
        """
        for name, weight in self.named_buffers(recurse=False):
            if weight.shape != (num_classes,):
                problem = f"{name} has shape {tuple(weight.shape)}; allowed ({num_classes},)"
                code = "M08" if name == "pos_weight" else "T13"
                raise HeadConfigError(code, problem, f"one {name} for each of the {num_classes} classes")


def weight_buffer(name: str, weight: Sequence[float] | Tensor | None, code: str = "T13") -> Tensor | None:
    """Weights as a float32 tensor of shape (c,), checked to be finite and not negative; None stays None.

    Raises:
        HeadConfigError: with the code given, naming the first bad weight.
    """
    if weight is None:
        return None
    values = torch.as_tensor(weight, dtype=torch.float32).detach()
    bad = ~((values >= 0) & values.isfinite())
    if values.ndim != 1 or bad.any():
        what = f"{values[bad][0].item():g}" if values.ndim == 1 else f"shape {tuple(values.shape)}"
        raise HeadConfigError(
            code, f"{name} got {what}; allowed finite numbers >= 0, one a class", f"{name}=[1.0, ...]"
        )
    return values


def check_smoothing(label_smoothing: float) -> float:
    """Refuse a label smoothing outside [0, 1).

    Raises:
        HeadConfigError: code T14.
    """
    if not 0 <= label_smoothing < 1:  # also refuses NaN
        problem = f"label_smoothing={label_smoothing}; allowed 0 <= label_smoothing < 1"
        raise HeadConfigError("T14", problem, "label_smoothing=0.1")
    return float(label_smoothing)
