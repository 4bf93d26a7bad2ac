"""Two targets for one example, each with its share: what mixing images (mixup, cutmix) makes of labels.

n examples, m = n x spatial positions (rows).
"""

from typing import Any, final

import torch
from torch import Tensor

from torchheads.errors import TargetError
from torchheads.targets.label_lists import LabelLists


@final
class MixedTarget:
    """A pair of targets; a head's loss of it is the mix of the two losses, so class indices, sets and lists all mix.

        loss = weight * loss(first) + (1 - weight) * loss(second)

    for each example. Unlike soft targets (``soft_targets=True``) it needs no distribution over classes, which a label
    set or a list is not. An example counts in a mean with the share of its targets that is known.

    Args:
        first: any target the head takes, of N examples.
        second: another target of the same form, usually ``first[order]`` for the order that images were mixed in.
        weight: share of ``first`` in [0, 1]: one number, or one an example, shape (N,).

    Raises:
        TargetError: code M15, for targets of different forms or a weight outside [0, 1].

    Example:
        >>> from torchheads import SoftmaxHead
        >>> head, features = SoftmaxHead(4, 3), torch.randn(2, 4)
        >>> target = torch.tensor([0, 2])
        >>> head.loss(features, MixedTarget(target, target.flip(0), 0.3)).item()  # ln 3: nothing is learned yet
        1.0986123085021973

    Source: Zhang et al. (2018), "mixup: Beyond Empirical Risk Minimization", arXiv:1710.09412, section 2; that the loss
        is mixed instead of the labels: their reference implementation.
    """

    def __init__(self, first: Tensor | LabelLists, second: Tensor | LabelLists, weight: float | Tensor) -> None:
        for part in (first, second):
            if not isinstance(part, Tensor | LabelLists):
                problem = f"MixedTarget got a {type(part).__name__}; allowed tensors or LabelLists"
                raise TargetError(
                    "M15", problem, "torch.as_tensor(target), or LabelLists.from_lists(lists, num_classes)"
                )
        if (
            isinstance(first, Tensor) is not isinstance(second, Tensor)
            or first.shape != second.shape
            or not first.shape
        ):
            problem = f"MixedTarget got targets {tuple(first.shape)} and {tuple(second.shape)}; allowed two of one form"
            raise TargetError("M15", problem, "MixedTarget(target, target[order], weight)")
        self.first = first
        self.second = second
        self.weight = self._as_weight(weight)
        self._check_weight()

    def _as_weight(self, weight: float | Tensor) -> Tensor:
        try:
            return torch.as_tensor(weight, dtype=torch.float32, device=self.first.device)
        except (TypeError, ValueError, RuntimeError):
            problem = f"MixedTarget got a weight {weight!r:.80}; allowed one number in 0..1, or one an example"
            raise TargetError("M15", problem, "weight=0.5") from None

    def _check_weight(self) -> None:
        right_shape = self.weight.shape in ((), (len(self),))
        if right_shape and (self.weight.device.type != "cpu" or bool(((self.weight >= 0) & (self.weight <= 1)).all())):
            return
        what = f"{self.weight.tolist()}" if right_shape else f"of shape {tuple(self.weight.shape)}"
        problem = f"MixedTarget got a weight {what:.80}; allowed one number in 0..1, or one an example"
        raise TargetError("M15", problem, "weight=0.5")

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.first)

    def row_share(self, num_rows: int) -> Tensor:
        """The share of ``first`` in each of ``num_rows`` rows: () for one number, else (m,)."""
        return self.weight if self.weight.ndim == 0 else self.weight.repeat_interleave(num_rows // max(len(self), 1))

    def __getitem__(self, rows: Any) -> "MixedTarget":
        """The examples of a slice, of row numbers, or where a mask is True."""
        weight = self.weight if self.weight.ndim == 0 else self.weight[rows]
        return MixedTarget(self.first[rows], self.second[rows], weight)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "MixedTarget":
        """The same pair on another device."""
        first, second = (part.to(device, non_blocking=non_blocking) for part in (self.first, self.second))
        return MixedTarget(first, second, self.weight.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "MixedTarget":
        """The same pair in page-locked memory."""
        return MixedTarget(self.first.pin_memory(), self.second.pin_memory(), self.weight.pin_memory())

    def __repr__(self) -> str:
        """What is mixed."""
        return f"MixedTarget({len(self)} examples, weight={'one each' if self.weight.ndim else self.weight.item()})"
