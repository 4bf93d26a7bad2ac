"""Multi-label targets as multi-hot rows, hard or soft.

n examples, c classes, m = n x spatial positions (rows).
"""

import math

import torch
from jaxtyping import Shaped
from torch import Tensor

from torchheads.errors import TargetError
from torchheads.shapes import is_small, rows
from torchheads.targets.base import FULL_PRECISION, PlainTarget, TargetForm, TargetRows, describe, position, widen
from torchheads.targets.label_lists import LabelLists


class MultiHotForm(TargetForm):
    """What hard and soft label sets share: a tensor of the logits' shape (N, C, *spatial); empty sets allowed."""

    label_type = "multi"

    def check_form(self, target: PlainTarget, logits: Tensor) -> None:
        """Refuse what has not the shape of the logits.

        Raises:
            TargetError: codes M01 (class indices), M06 (any other shape), T15 (another device).
        """
        self.check_device(target, logits)
        if isinstance(target, LabelLists):
            if target.shape != logits.shape:
                problem = (
                    f"{self.owner} got {target} for logits of shape {tuple(logits.shape)}; allowed the same N and C"
                )
                raise TargetError("M06", problem, f"num_classes={self.num_classes}, and one list an example")
            return
        if target.shape == logits.shape and not target.is_complex():
            return
        without_classes = (logits.shape[0], *logits.shape[2:])
        if target.shape == without_classes and not target.is_floating_point() and self.num_classes > 1:
            problem = (
                f"{self.owner} got class indices {describe(target)}; allowed a multi-hot of shape {tuple(logits.shape)}"
            )
            remedy = (
                f'SoftmaxHead, label_type="single" (head.label_type=single), or F.one_hot(target, {self.num_classes})'
            )
            raise TargetError("M01", problem, remedy)
        problem = f"a target {describe(target)} for logits of shape {tuple(logits.shape)}; allowed the logits' shape"
        unsqueeze = target.shape == without_classes
        raise TargetError(
            "M06", f"{self.owner} got {problem}", "target.unsqueeze(1)" if unsqueeze else "one column a class"
        )

    def _refuse_value(self, target: Tensor, bad: Tensor) -> None:
        place = bad.nonzero()[0]
        value = target[tuple(place)].item()
        label = self.class_label(int(place[1]))
        problem = f"{self.owner} got target value {value:g} at {position(place)}, label {label}; allowed 0 and 1"
        if math.isnan(value):
            raise TargetError("M05", problem, "mask=~target.isnan() with target.nan_to_num()")
        if value == -1:
            raise TargetError("M04", problem, "ignore_index=-1 (head.ignore_index=-1) if -1 marks unknown entries")
        if 0 < value < 1:
            raise TargetError("M13", problem, "soft_targets=True (head.soft_targets=true) for soft labels")
        raise TargetError("M03", problem, "(target > 0) if these are counts")

    def rows(self, target: Tensor, mask: Tensor | None) -> TargetRows:
        """A multi-hot of shape (N, C, *spatial) as (m, c)."""
        if target.ndim < 2 or target.is_complex():
            problem = f"{self.owner} got a target {describe(target)}; allowed one column a class, shape (N, C)"
            raise TargetError("M06", problem, f"F.one_hot(target, {self.num_classes}) for class indices")
        known = self.known(target, mask)
        values = rows(target if known is None else target.where(known, 0))
        return TargetRows(values, None if known is None else rows(known))

    def multi_hot(self, values: Tensor, dtype: torch.dtype) -> Shaped[Tensor, "m c"]:
        """The multi-hot (m, c) itself, in the dtype of the logits."""
        return values if values.dtype is dtype else values.to(dtype)

    def distribution(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        """The uniform distribution over each row's labels, shape (m, c): 1/k for k labels, all 0 for the empty set."""
        values = values.to(dtype)
        return values / values.sum(dim=1, keepdim=True).clamp(min=torch.finfo(dtype).tiny)


class LabelSet(MultiHotForm):
    """Label sets as a multi-hot of shape (N, C, *spatial): each entry 0 or 1."""

    hard = True

    def is_usual(self, target: Tensor, logits: Tensor) -> bool:
        """A multi-hot, bool or in the dtype of full-precision logits, both (N, C), nothing ignored."""
        given, wanted, shape = target.dtype, logits.dtype, logits.shape
        return (
            (given is wanted or given is torch.bool)
            and wanted in FULL_PRECISION
            and self.ignore_index is None
            and target.layout is torch.strided
            and len(shape) == 2
            and shape[1] == self.num_classes
            and target.shape == shape
        )

    def plausible(self, target: Tensor) -> bool:
        """Whether each entry y is its own square, as 0 and 1 alone are; a small target may hide infinity.

        Infinity makes the loss of few entries infinite, and is found then.
        """
        if target.dtype is torch.bool:
            return True
        if is_small(target):
            return torch.equal(target.mul(target), target)
        residue = torch.addcmul(target, target, target, value=-1).reshape(-1)  # y - y^2; 0 where all its bytes are
        return residue.view(torch.uint8).amax().item() == 0

    def check_values(self, target: Tensor, mask: Tensor | None = None) -> None:
        """Refuse entries other than 0, 1 and ``ignore_index``.

        Raises:
            TargetError: codes M03 (other numbers), M04 (-1 for "unknown"), M05 (NaN), M13 (soft labels).
        """
        if target.dtype is torch.bool or (not is_small(target) and self.plausible(target)):
            return
        bad = (target != 0) & (target != 1)
        if self.ignore_index is not None:
            bad &= widen(target) != self.ignore_index
        if mask is not None:
            bad &= mask
        if bad.any():
            self._refuse_value(target, bad)


class SoftLabelSet(MultiHotForm):
    """Label sets with soft entries, shape (N, C, *spatial): each entry in [0, 1], as mixing images makes them."""

    def check_values(self, target: Tensor, mask: Tensor | None = None) -> None:
        """Refuse entries outside [0, 1] other than ``ignore_index``; codes M03, M04, M05."""
        bad = ~((target >= 0) & (target <= 1))  # written so that NaN is bad
        if self.ignore_index is not None:
            bad &= widen(target) != self.ignore_index
        if mask is not None:
            bad &= mask
        if bad.any():
            self._refuse_value(target, bad)
