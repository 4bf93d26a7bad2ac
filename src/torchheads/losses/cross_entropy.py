"""The softmax head's own criterion.

m rows (examples or positions), c classes.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.compiler import is_exporting
from torch.nn import functional as F

from torchheads.few_classes import LEAST_ENTRIES
from torchheads.losses.base import Criterion, check_smoothing, shown_weight, weight_buffer
from torchheads.losses.functional import NO_INDEX, cross_entropy, index_cross_entropy


class CrossEntropy(Criterion):
    """Softmax cross-entropy in nats: classes compete, exactly one is right. Its sibling is `BinaryCrossEntropy`.

    Args:
        class_weight: one weight >= 0 for all classes, or one a class, shape (c,); multiplies the loss and is not
            divided out again (torch's ``CrossEntropyLoss`` divides by the sum of the weights in the batch).
        label_smoothing: in [0, 1).

    Raises:
        HeadConfigError: codes T13 (weights), T14 (smoothing).

    Example:
        >>> import torch
        >>> CrossEntropy()(torch.zeros(1, 4), torch.tensor([2]))
        tensor([1.3863])

    Source: see `torchheads.losses.functional.cross_entropy`.
    """

    links = ("softmax",)
    refuses_bad_indices = True

    class_weight: Tensor | None

    def __init__(
        self, class_weight: float | Sequence[float] | Tensor | None = None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.register_buffer("class_weight", weight_buffer("class_weight", class_weight), persistent=False)
        self.label_smoothing = check_smoothing(label_smoothing)

    def forward(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, "m"]:
        """Loss of each row, shape (m,); target is class indices (m,) or distributions (m, c).

        ``known`` of shape (m,) drops whole rows, of shape (m, c) single classes from their row.
        """
        weight = None if self.class_weight is None else self.class_weight.to(logits).expand(logits.shape[1])
        if known is None or known.ndim == 2:
            return cross_entropy(logits, target, weight, self.label_smoothing, known)
        logits = logits.where(known.unsqueeze(1), 0)  # before the loss, so that NaN in a dropped row has no gradient
        return cross_entropy(logits, target, weight, self.label_smoothing).where(known, 0)

    def mean(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, ""]:
        """Mean loss of the known rows, a scalar: torch's one kernel where nothing is weighted, smoothed or unknown."""
        plain = not self.label_smoothing and self._buffers.get("class_weight", 0) is None
        entries = logits.numel()
        if plain and known is None and target.ndim == 1 and entries:
            if is_exporting() or entries < LEAST_ENTRIES:  # no need to look further
                return F.cross_entropy(logits, target, ignore_index=NO_INDEX)
            return index_cross_entropy(logits, target)
        return super().mean(logits, target, known)

    def constant_logits(self, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """ln of the weighted, smoothed and normalised prior, shape (c,)."""
        share = prior / prior.sum()
        share = (1 - self.label_smoothing) * share + self.label_smoothing / prior.shape[0]
        if self.class_weight is not None:
            weight = self.class_weight.to(share)
            share = share * weight.where(weight > 0, 1e-6)  # where nothing is ever paid: a small share, not ln 0
        return share.log().log_softmax(dim=0)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"class_weight={shown_weight(self.class_weight)}, label_smoothing={self.label_smoothing}"
