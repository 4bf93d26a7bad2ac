"""One class a row: the one with the largest score.

m rows (examples or positions), c classes.
"""

from jaxtyping import Float, Int64
from torch import Tensor

from torchheads.decisions.base import DecisionRule
from torchheads.decisions.functional import largest


class Argmax(DecisionRule):
    """There can be only one: the class with the largest score, shape (m,); the lowest index among equals.

    For single-label data, with either head. On label sets use `TopK` with k=1, which answers with a set.

    Example:
        >>> import torch
        >>> Argmax()(torch.tensor([[2.1, 4.0, 3.2, -1.0]]))  # cat, dog, cow, zebra
        tensor([1])
    """

    label_type = "single"
    suggestion = "TopK(k=1) (decision=top_k decision.k=1)"

    def forward(self, scores: Float[Tensor, "m c"]) -> Int64[Tensor, "m"]:
        """Class indices, shape (m,)."""
        return largest(scores)
