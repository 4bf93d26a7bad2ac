"""Single-label targets as class indices.

n examples, c classes, m = n x spatial positions (rows).
"""

import torch
from jaxtyping import Shaped
from torch import Tensor

from torchheads.errors import TargetError
from torchheads.targets.base import FULL_PRECISION, PlainTarget, TargetForm, TargetRows, describe, position, widen
from torchheads.targets.label_lists import LabelLists

SETS = 'SigmoidHead, or label_type="multi" (head.label_type=multi)'


class ClassIndex(TargetForm):
    """Single-label targets: one class index a position, integers 0..C-1 of shape (N, *spatial)."""

    label_type = "single"
    hard = True

    def check_form(self, target: PlainTarget, logits: Tensor) -> None:
        """Refuse what is not an integer tensor of the logits' shape without its class axis.

        Raises:
            TargetError: codes T03, T04 (floating point), T05 to T07 (label sets or distributions), T08 (bool), T11
                (shape), T15 (device).
        """
        if isinstance(target, LabelLists):
            problem = f"{self.owner} got {target}, which are label sets; allowed class indices (N,)"
            raise TargetError("T05", problem, SETS)
        self.check_device(target, logits)
        if target.shape == logits.shape:
            self._refuse_rows_of_classes(target)
        shape = (logits.shape[0], *logits.shape[2:])
        if target.shape != shape:
            problem = f"a target {describe(target)} for logits of shape {tuple(logits.shape)}; allowed {shape}"
            fits = target.ndim == len(shape) + 1 and target.shape[-1] == 1
            raise TargetError(
                "T11", f"{self.owner} got {problem}", "target.squeeze(-1)" if fits else "one class index each"
            )
        if target.is_floating_point():
            numbers = target.new_zeros(0, device="cpu") if target.is_meta else target.double()
            fractions = numbers[numbers != numbers.round()]
            code, what = (
                ("T04", f"values such as {fractions[:3].tolist()}") if fractions.numel() else ("T03", "numbers")
            )
            problem = f"{self.owner} got floating-point {what} as class indices; allowed integers"
            raise TargetError(
                code, problem, "target.long()" if code == "T03" else "soft_targets=True with one row a class"
            )
        if target.dtype == torch.bool or target.is_complex():
            raise self._no_index(target)

    def _no_index(self, target: Tensor) -> TargetError:
        problem = f"{self.owner} got a {target.dtype} target of shape {tuple(target.shape)}; allowed class indices"
        return TargetError("T08", problem, "target.long() when False and True are the classes 0 and 1")

    def _refuse_rows_of_classes(self, target: Tensor) -> None:
        """Say what a target with a class axis probably is: a label set, a distribution, or neither."""
        if not target.is_floating_point() or target.is_meta or bool(((target == 0) | (target == 1)).all()):
            problem = (
                f"{self.owner} got a target {describe(target)}, which looks multi-label; allowed class indices (N,)"
            )
            raise TargetError("T05", problem, SETS)
        remedy = f"soft_targets=True (head.soft_targets=true) for soft labels, or {SETS} for label sets"
        total = target.double().sum(dim=1)
        bad = (~((total - 1).abs() < 1e-3)).nonzero()
        if len(bad):
            problem = f"rows of classes {describe(target)}, which sum to {total[tuple(bad[0])].item():g} at "
            problem = f"{self.owner} got {problem}{position(bad[0])}; allowed class indices (N,)"
            raise TargetError("T06", problem, remedy)
        problem = f"{self.owner} got class probabilities {describe(target)}; allowed class indices (N,)"
        raise TargetError("T07", problem, remedy)

    def is_usual(self, target: Tensor, logits: Tensor) -> bool:
        """int64 indices (N,) for full-precision logits (N, C), nothing ignored."""
        return (
            target.dtype is torch.int64
            and target.ndim == 1
            and self.ignore_index is None
            and logits.dtype in FULL_PRECISION
            and logits.shape == (target.numel(), self.num_classes)
        )

    def plausible(self, target: Tensor) -> bool:
        """Whether the smallest and the largest index are in range."""
        if target.numel() == 0:
            return True
        lowest, highest = target.aminmax()
        return lowest.item() >= 0 and highest.item() < self.num_classes

    def check_values(self, target: Tensor, mask: Tensor | None = None) -> None:
        """Refuse indices outside 0..C-1 other than ``ignore_index``.

        Raises:
            TargetError: codes T01 (too large), T02 (negative), with the value and the sample.
        """
        target = widen(target)
        if self.plausible(target):
            return
        bad = (target < 0) | (target >= self.num_classes)
        if self.ignore_index is not None:
            bad &= target != self.ignore_index
        if mask is not None:
            bad &= mask
        if not bad.any():
            return
        place = bad.nonzero()[0]
        value = int(target[tuple(place)])
        problem = f"{self.owner} got class index {value} at {position(place)}; allowed {self.allowed}"
        if value < 0:
            raise TargetError(
                "T02", problem, f"ignore_index={value} (head.ignore_index={value}) if it marks unknown rows"
            )
        remedy = f"num_classes={value + 1} (head.num_classes={value + 1}), or target - 1 if your classes start at 1"
        raise TargetError("T01", f"{problem} (num_classes={self.num_classes})", remedy)

    def rows(self, target: Tensor, mask: Tensor | None) -> TargetRows:
        """Class indices of shape (N, *spatial) as (m,) int64."""
        if target.is_complex():
            raise self._no_index(target)
        known = self.known(target, mask)
        values = target.long() if known is None else target.long().where(known, 0)
        return TargetRows(values.flatten(), None if known is None else known.flatten())

    def multi_hot(self, values: Tensor, dtype: torch.dtype) -> Shaped[Tensor, "m c"]:
        """One-hot rows of shape (m, c)."""
        hot = torch.zeros(values.shape[0], self.num_classes, dtype=dtype, device=values.device)
        return hot.scatter(1, values.unsqueeze(1), 1.0)

    def distribution(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        """The class indices (m,) themselves: all mass on one class."""
        return values
