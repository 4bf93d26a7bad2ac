"""A set of at most k classes a row.

m rows (examples or positions), c classes.
"""

from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor

from torchheads.decisions.base import DecisionRule, check_threshold, score_buffer
from torchheads.decisions.functional.answers import above, top_k
from torchheads.errors import HeadConfigError


class TopK(DecisionRule):
    """The k classes with the largest scores, shape (m, c) bool, optionally only those that reach a threshold.

    Without a threshold every set has exactly k labels; with one it has at most k, perhaps none. The lowest index comes
    first among equals. Its sibling `Threshold` does not limit the number.

    Args:
        k: how many classes, 1..C.
        threshold: None, or the number a score must reach.
        space: "probability" or "logit", of the threshold.

    Raises:
        HeadConfigError: code H03, for k outside 1..C or an impossible threshold.

    Example:
        >>> import torch
        >>> rule = TopK(k=3, threshold=3.0, space="logit")
        >>> rule.bind(num_classes=4)
        >>> rule(torch.tensor([[2.1, 4.0, 3.2, -1.0]]))
        tensor([[False,  True,  True, False]])
    """

    label_type = "multi"
    suggestion = "Argmax() (decision=argmax)"

    cut: Tensor | None

    def __init__(
        self, k: int = 1, threshold: float | None = None, space: Literal["probability", "logit"] = "probability"
    ) -> None:
        super().__init__()
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise HeadConfigError("H03", f"TopK(k={k}); allowed a whole number from 1 to the number of classes", "k=1")
        self.k = k
        self.named = True
        self.threshold = threshold
        self.space = space
        cut = None if threshold is None else score_buffer([check_threshold(threshold, space)])
        self.register_buffer("cut", cut)

    def bind(self, num_classes: int) -> None:
        """Refuse more classes a row than there are (HeadConfigError, code H03)."""
        if self.k > num_classes:
            problem = f"TopK(k={self.k}) for {num_classes} classes; allowed 1..{num_classes}"
            raise HeadConfigError("H03", problem, f"decision.k={num_classes}")
        if self.cut is not None:
            self.cut = self.cut[:1].expand(num_classes).clone()

    def forward(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m c"]:
        """Sets as a mask, shape (m, c)."""
        chosen = top_k(scores, self.k)
        return chosen if self.cut is None else chosen & above(scores, self.cut)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"k={self.k}, threshold={self.threshold}, space={self.space!r}"
