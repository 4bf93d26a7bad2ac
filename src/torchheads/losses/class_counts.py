"""How many training examples each class has, as a part of the losses that need it.

c classes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.buffers import ExactBuffers, constant, take_numbers
from torchheads.errors import HeadConfigError
from torchheads.losses.base import as_numbers, bad_weight

REMEDY = "criterion.take_counts(counts) with those of the training data, or class_counts=[...]"


class ClassCounts(ExactBuffers, nn.Module):
    """Counts (or shares) of the classes, given by hand or told later; they are saved and loaded with the head.

    A loaded state wins over counts that were told, and gives way to counts given by hand. A class without examples
    counts as having as many as the rarest of the others: no count of 0 rules a class out.

    Args:
        class_counts: one number >= 0 a class, shape (c,), not all 0; None to be told.

    Raises:
        HeadConfigError: code H35.

    Example:
        >>> ClassCounts([300, 100, 0]).values(torch.float32)
        tensor([300., 100., 100.])
    """

    counts: Tensor

    def __init__(self, class_counts: Sequence[float] | Tensor | None = None) -> None:
        super().__init__()
        self.by_hand = self.told = class_counts is not None
        unknown = constant(float("nan"))
        self.register_buffer("counts", unknown if class_counts is None else checked_counts(class_counts))

    def bind(self, num_classes: int) -> None:
        """Make room for one count a class, so that states have one shape; refuse counts of another length, code H35."""
        if self.counts.ndim == 0:
            self.counts = self.counts.expand(num_classes).clone()
        elif self.counts.shape != (num_classes,):
            problem = f"class_counts has shape {tuple(self.counts.shape)}; allowed ({num_classes},)"
            raise HeadConfigError("H35", problem, f"one count for each of the {num_classes} classes")

    def take(self, counts: Tensor, total: int | Tensor | None = None) -> None:
        """Take counts (c,); where they are out of different totals, as many as out of the largest of them."""
        numbers = as_numbers(counts, torch.float64)
        if numbers is not None and total is not None:
            seen = torch.as_tensor(total, dtype=torch.float64, device=numbers.device).expand(numbers.shape)
            numbers = (numbers * (seen.max() / seen)).where(seen > 0, 0)
        checked = checked_counts(counts if numbers is None else numbers)
        if self.counts.ndim == 1 and checked.shape != self.counts.shape:
            problem = f"class_counts has shape {tuple(checked.shape)}; allowed {tuple(self.counts.shape)}"
            raise HeadConfigError("H35", problem, f"one count for each of the {len(self.counts)} classes")
        self.counts, self.told = checked.to(self.counts.device), True

    def values(self, dtype: torch.dtype) -> Float[Tensor, "c"]:
        """The counts, all above 0, shape (c,).

        Raises:
            HeadConfigError: code H35, before they are known.
        """
        if not self.told:
            raise HeadConfigError("H35", "a loss that needs the class frequencies was told none", REMEDY)
        return self.counts.to(dtype)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        take_numbers(self, state_dict, prefix, keep_own=self.by_hand)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)  # type: ignore[no-untyped-call]
        self.told = not bool(state_dict[prefix + "counts"].isnan().any())

    def extra_repr(self) -> str:
        """The number of classes and their counts from the least to the most, or that they are to be told."""
        if not self.told:
            return "not told yet"
        return f"{len(self.counts)} classes, {self.counts.min().item():g} to {self.counts.max().item():g} examples"


def checked_counts(counts: object) -> Float[Tensor, "c"]:
    """Counts as float32 of shape (c,), finite, not negative, not all 0; zeros become the smallest of the others.

    Raises:
        HeadConfigError: code H35.
    """
    values = as_numbers(counts, torch.float32)
    what = bad_weight(counts, values)
    if values is None or what or values.ndim != 1:
        problem = f"class_counts got {what or 'one number'}; allowed finite numbers >= 0, one a class"
        raise HeadConfigError("H35", problem, "class_counts=[300, 100, ...]")
    if not values.any():
        raise HeadConfigError("H35", "class_counts are all 0; allowed one above 0", REMEDY)
    return values.where(values > 0, values[values > 0].min())
