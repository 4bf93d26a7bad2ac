"""Multi-label targets as multi-hot rows, hard or soft.

n examples, c classes, m = n x spatial positions (rows).
"""

import math

import torch
from jaxtyping import Shaped
from torch import Tensor

from torchheads.errors import TargetError
from torchheads.shapes import rows
from torchheads.targets.base import TargetForm, TargetRows, describe, position, widen


class MultiHotForm(TargetForm):
    """What hard and soft label sets share: a tensor of the logits' shape (N, C, *spatial); empty sets allowed."""

    label_type = "multi"

    def check_form(self, target: Tensor, logits: Tensor) -> None:
        """Refuse what has not the shape of the logits.

        Raises:
            TargetError: codes M01 (class indices), M06 (any other shape).
        """
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
        problem = (
            f"{self.owner} got target value {value:g} at {position(place)}, label {int(place[1])}; allowed 0 and 1"
        )
        if math.isnan(value):
            raise TargetError("M05", problem, "mask=~target.isnan() with target.nan_to_num()")
        if value == -1:
            raise TargetError("M04", problem, "ignore_index=-1 (head.ignore_index=-1) if -1 marks unknown entries")
        if 0 < value < 1:
            raise TargetError("M13", problem, "soft_targets=True (head.soft_targets=true) for soft labels")
        raise TargetError("M03", problem, "(target > 0) if these are counts")

    def rows(self, target: Tensor, mask: Tensor | None) -> TargetRows:
        """A multi-hot of shape (N, C, *spatial) as (m, c)."""
        known = self.known(target, mask)
        values = rows(target if known is None else target.where(known, 0))
        return TargetRows(values, None if known is None else rows(known))

    def multi_hot(self, values: Tensor, dtype: torch.dtype) -> Shaped[Tensor, "m c"]:
        """The multi-hot (m, c) itself, in the dtype of the logits."""
        return values.to(dtype)

    def distribution(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        """The uniform distribution over each row's labels, shape (m, c): 1/k for k labels, all 0 for the empty set."""
        values = values.to(dtype)
        return values / values.sum(dim=1, keepdim=True).clamp(min=torch.finfo(dtype).tiny)


class LabelSet(MultiHotForm):
    """Label sets as a multi-hot of shape (N, C, *spatial): each entry 0 or 1."""

    def check_values(self, target: Tensor, mask: Tensor | None = None) -> None:
        """Refuse entries other than 0, 1 and ``ignore_index``.

        Raises:
            TargetError: codes M03 (other numbers), M04 (-1 for "unknown"), M05 (NaN), M13 (soft labels).
        """
        if target.dtype == torch.bool:
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
