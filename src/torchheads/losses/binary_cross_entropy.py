"""The sigmoid head's own criterion.

m rows (examples or positions), c classes.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from torchheads.buffers import constant
from torchheads.errors import HeadConfigError
from torchheads.links import LinkName
from torchheads.losses.base import Criterion, check_smoothing, positive_buffer, shown_weight, weight_buffer
from torchheads.losses.functional import binary_cross_entropy, smooth_answers
from torchheads.losses.hard_binary import hard_mean
from torchheads.shapes import is_small

MEAN, SUM = 1, 2
"""torch's numbers for ``reduction="mean"`` and ``"sum"``."""


class BinaryCrossEntropy(Criterion):
    """Sigmoid cross-entropy in nats: every class is judged alone, any number may be right. Sibling: `CrossEntropy`.

    Summed over classes, so that it stands on the same scale as the softmax's; torch's ``BCEWithLogitsLoss`` averages
    over classes too, which divides its gradients by C.

    Args:
        class_weight: one weight >= 0 for all classes, or one a class, shape (c,).
        pos_weight: one weight > 0 for all classes, or one a class, shape (c,), for the positive part.
        label_smoothing: in [0, 1); moves each target towards one half.
        class_reduction: "sum" over classes, or "mean" for torch's scale (multiply the learning rate by C to match).

    Raises:
        HeadConfigError: codes M08 (pos_weight), T13 (class_weight or class_reduction), T14 (smoothing).

    Example:
        >>> import torch
        >>> BinaryCrossEntropy()(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))  # 2 ln 2
        tensor([1.3863])

    Source: see `torchheads.losses.functional.binary_cross_entropy`.
    """

    links = ("sigmoid",)

    class_weight: Tensor | None
    pos_weight: Tensor | None
    class_count: Tensor | None = None  # from `bind` on, as a factor that torch's kernel takes
    num_classes: int = 0

    def __init__(
        self,
        class_weight: float | Sequence[float] | Tensor | None = None,
        pos_weight: float | Sequence[float] | Tensor | None = None,
        label_smoothing: float = 0.0,
        class_reduction: Literal["sum", "mean"] = "sum",
    ) -> None:
        super().__init__()
        if class_reduction not in ("sum", "mean"):
            problem = f"class_reduction={class_reduction!r}; allowed 'sum', 'mean'"
            raise HeadConfigError("T13", problem, "class_reduction=sum")
        self.register_buffer("class_weight", weight_buffer("class_weight", class_weight), persistent=False)
        self.register_buffer("pos_weight", positive_buffer(pos_weight), persistent=False)
        self.label_smoothing = check_smoothing(label_smoothing)
        self.class_reduction = class_reduction

    def forward(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, "m"]:
        """Loss of each row, shape (m,); target is multi-hot (m, c).

        ``known`` of shape (m,) drops whole rows, of shape (m, c) single entries from the sum over classes.
        """
        if known is not None:
            known = known if known.ndim == 2 else known.unsqueeze(1)
            logits = logits.where(known, 0)  # before the loss, so that NaN in a dropped entry has no gradient
        entries = binary_cross_entropy(logits, target, *self._weights(logits), self.label_smoothing)
        if known is not None:
            entries = entries.where(known, 0)
        return entries.sum(dim=1) if self.class_reduction == "sum" else entries.mean(dim=1)

    @property
    def _weighted(self) -> bool:
        """Whether classes or positives have weights."""
        own = self._buffers  # a weight that was made a parameter has left them
        return own.get("class_weight", 0) is not None or own.get("pos_weight", 0) is not None

    def bind(self, num_classes: int, link: LinkName) -> None:
        """As `Criterion.bind`; remembers the number of classes."""
        super().bind(num_classes, link)
        self.num_classes, self.class_count = num_classes, constant(num_classes)

    def mean(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, ""]:
        """Mean loss of the known rows, a scalar: torch's one kernel where nothing is unknown."""
        if known is not None or logits.numel() == 0:
            return super().mean(logits, target, known)
        if self.label_smoothing:
            target = smooth_answers(target, self.label_smoothing)
        weighted = self._weighted
        weights = self._weights(logits) if weighted else (None, None)
        if self.class_reduction == "mean":
            return torch.binary_cross_entropy_with_logits(logits, target, *weights, MEAN)
        own = logits.shape[1] == self.num_classes and logits.is_cpu
        if own and not weighted and is_small(logits):  # C times the mean spares a node of the graph
            return torch.binary_cross_entropy_with_logits(logits, target, self.class_count, None, MEAN)
        total: Tensor = torch.binary_cross_entropy_with_logits(logits, target, *weights, SUM)
        return total / logits.shape[0]

    def mean_of_hard(self, logits: Tensor, target: Tensor) -> Float[Tensor, ""]:
        """As `mean`, to full precision; many entries that are smoothed go through torch's kernel."""
        if type(self).mean is not BinaryCrossEntropy.mean or target.requires_grad or logits.numel() == 0:
            return self.mean(logits, target)
        if self.label_smoothing:
            return super().mean(logits, target) if is_small(logits) else self.mean(logits, target)
        weight = self._entry_weight(logits, target) if self._weighted else None
        return hard_mean(logits, target, weight, logits.shape[0] if self.class_reduction == "sum" else logits.numel())

    def _entry_weight(self, logits: Tensor, target: Tensor) -> Float[Tensor, "m c"]:
        """The weight of each entry of a hard target, shape (m, c)."""
        class_weight, pos_weight = self._weights(logits)
        weight = torch.ones_like(target) if pos_weight is None else pos_weight.where(target > 0, 1)
        return weight if class_weight is None else weight * class_weight

    def _weights(self, logits: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Class and positive weights in the dtype and on the device of the logits."""
        weights, num_classes = (self.class_weight, self.pos_weight), logits.shape[1]
        class_weight, pos_weight = (
            None if weight is None else weight.to(logits).expand(num_classes) for weight in weights
        )
        return class_weight, pos_weight

    def constant_logits(self, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """logit of the smoothed prior plus ln pos_weight, shape (c,)."""
        logits = ((1 - self.label_smoothing) * prior + self.label_smoothing / 2).logit()
        return logits if self.pos_weight is None else logits + self.pos_weight.to(logits).log()

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        weights = {"class_weight": self.class_weight, "pos_weight": self.pos_weight}
        shown = [f"{name}={shown_weight(weight)}" for name, weight in weights.items()]
        return ", ".join([*shown, f"label_smoothing={self.label_smoothing}, class_reduction={self.class_reduction!r}"])
