"""One class a row: the one with the largest score, or none of them.

m rows (examples or positions), c classes.
"""

from typing import Literal

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchheads.decisions.base import DecisionRule, check_threshold, one_number, score_buffer
from torchheads.decisions.functional.answers import REJECTED, largest, largest_above


class Argmax(DecisionRule):
    """There can be only one: the class with the largest score, shape (m,); the lowest index among equals.

    For single-label data, with either head. On label sets use `TopK` with k=1, which answers with a set. With
    ``reject_below`` a row whose largest score does not reach the level is answered with -1, "none of these". A
    `SigmoidHead` can say so of what it has never seen, since its scores need not add up; a softmax has to give its mass
    to somebody.

    Args:
        reject_below: None, or the number that the largest score must reach; equality is enough.
        space: "probability", or "logit" for a level on the score; of ``reject_below``.

    Raises:
        HeadConfigError: code H03, for a probability outside [0, 1], NaN, or more than one number.

    Example:
        >>> import torch
        >>> scores = torch.tensor([[2.1, 4.0, 3.2, -1.0], [-2.0, -3.0, -2.5, -4.0]])  # cat, dog, cow, zebra
        >>> Argmax()(scores)
        tensor([1, 0])
        >>> Argmax(reject_below=0.5)(scores)
        tensor([ 1, -1])

    Source: Chow (1970), "On optimum recognition error and reject tradeoff", section II: the reject rule.
    """

    label_type = "single"
    suggestion = "TopK(k=1) (decision=top_k decision.k=1)"

    cut: Tensor | None

    def __init__(
        self, reject_below: float | None = None, space: Literal["probability", "logit"] = "probability"
    ) -> None:
        super().__init__()
        self.reject_below = None if reject_below is None else one_number(reject_below)
        self.space = space
        self.named = reject_below is not None
        self.register_buffer(
            "cut", None if reject_below is None else score_buffer([check_threshold(reject_below, space)])
        )

    def forward(self, scores: Float[Tensor, "m c"]) -> Int64[Tensor, "m"]:
        """Class indices, shape (m,); -1 where the row is rejected."""
        return largest(scores) if self.cut is None else largest_above(scores, self.cut)

    def abstains(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m"]:
        """Which rows are rejected, shape (m,)."""
        return self.forward(scores) == REJECTED

    def extra_repr(self) -> str:
        """The constructor's arguments, where they are not the default."""
        return "" if self.reject_below is None else f"reject_below={self.reject_below}, space={self.space!r}"
