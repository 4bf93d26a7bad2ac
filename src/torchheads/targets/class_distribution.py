"""Single-label targets that may spread over classes: soft labels, mixed images, distillation.

n examples, c classes, m = n x spatial positions (rows).
"""

import torch
from jaxtyping import Shaped
from torch import Tensor

from torchheads.errors import TargetError
from torchheads.shapes import rows
from torchheads.targets.base import PlainTarget, TargetForm, TargetRows, describe, position
from torchheads.targets.class_index import ClassIndex
from torchheads.targets.label_lists import LabelLists


class ClassDistribution(TargetForm):
    """Single-label targets of shape (N, C, *spatial) whose classes sum to 1; class indices (N, *spatial) are taken too.

    Use it (``soft_targets=True``) where training mixes labels and validation has plain class indices.
    """

    label_type = "single"

    def check_form(self, target: PlainTarget, logits: Tensor) -> None:
        """Refuse what is neither floating point of the logits' shape nor class indices.

        Raises:
            TargetError: code T11 (shape) and those of `ClassIndex`.
        """
        self.check_device(target, logits)
        if isinstance(target, LabelLists):
            self._index_form().check_form(target, logits)
        elif target.shape == logits.shape and target.is_floating_point():
            return
        elif target.ndim == logits.ndim:
            problem = (
                f"a target {describe(target)}; allowed distributions of shape {tuple(logits.shape)}, floating point"
            )
            raise TargetError("T11", f"{self.owner} got {problem}", "target.float() with rows that sum to 1")
        else:
            self._index_form().check_form(target, logits)

    def check_values(self, target: Tensor, mask: Tensor | None = None) -> None:
        """Refuse entries outside [0, 1] and distributions that do not sum to 1 within 1e-3.

        Raises:
            TargetError: code T06 with the sample and its sum, and those of `ClassIndex`.
        """
        if not target.is_floating_point():
            self._index_form().check_values(target, mask)
            return
        total = target.sum(dim=1)
        bad = ~(((total - 1).abs() < 1e-3) & (target >= 0).all(dim=1))  # written so that NaN is bad
        if self.ignore_index is not None:
            bad &= ~(target == self.ignore_index).all(dim=1)
        if mask is not None:
            bad &= mask
        if bad.any():
            place = bad.nonzero()[0]
            problem = (
                f"{self.owner} got entries from {target.amin(dim=1)[tuple(place)].item():g} up that sum to "
                f"{total[tuple(place)].item():g} at {position(place)}; allowed entries >= 0 that sum to 1"
            )
            raise TargetError("T06", problem, "target / target.sum(dim=1, keepdim=True)")

    def rows(self, target: Tensor, mask: Tensor | None) -> TargetRows:
        """Distributions as (m, c), each row known as a whole; class indices as (m,)."""
        if not target.is_floating_point():
            return self._index_form().rows(target, mask)
        if target.ndim < 2:
            problem = f"{self.owner} got a target {describe(target)}; allowed distributions of shape (N, C)"
            raise TargetError("T11", problem, "target.long() for class indices")
        not_ignored = None if self.ignore_index is None else (target != self.ignore_index).any(dim=1)
        position_known = self.both(not_ignored, mask, torch.Size((target.shape[0], *target.shape[2:])))
        known = None if position_known is None else position_known.flatten()
        values = rows(target)
        return TargetRows(values if known is None else values.where(known.unsqueeze(1), 0), known)

    def multi_hot(self, values: Tensor, dtype: torch.dtype) -> Shaped[Tensor, "m c"]:
        """The distribution (m, c) itself, as soft one-versus-rest targets; one-hot rows of class indices (m,)."""
        return self._index_form().multi_hot(values, dtype) if values.ndim == 1 else values.to(dtype)

    def distribution(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        """The distribution (m, c) itself; class indices (m,) as they are."""
        return values if values.ndim == 1 else values.to(dtype)

    def _index_form(self) -> ClassIndex:
        return ClassIndex(self.num_classes, self.ignore_index, self.owner)
