"""The best recall that is right often enough.

m rows (examples or positions), c classes.
"""

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from torchheads.decisions.functional.curves import Counts, best_cuts
from torchheads.decisions.functional.shared import best_pooled_cut
from torchheads.decisions.objectives.base import HeldOutScores, Objective, check_share


class RecallAtPrecision(Objective):
    """The highest recall among the cuts of which a share ``precision`` or more is right; +inf where there is no such
    cut, so that nothing is taken. A promise about the held-out rows alone; for one about new rows see
    `torchheads.guarantees`. Its sibling is `PrecisionAtRecall`.

    Each class keeps the level when each has its own cut; all entries together do when they share one.

    Args:
        precision: above 0, up to 1.

    Raises:
        HeadConfigError: code H03.

    Example:
        >>> scores = torch.tensor([[3.0], [2.0], [1.0], [0.0]])
        >>> rows = HeldOutScores(scores, torch.tensor([[True], [False], [True], [False]]))
        >>> RecallAtPrecision(precision=0.9).shared_cut(rows)
        2.5
    """

    def __init__(self, precision: float = 0.9) -> None:
        self.precision = check_share("precision", precision)

    def value(self, counts: Counts) -> Tensor:
        """Recall where enough is right, else -inf, shape of the counts."""
        right = counts.hits >= self.precision * counts.taken - 1e-9
        return (counts.hits / counts.positives.clamp(min=1)).where(right, -torch.inf)

    def shared_cut(self, rows: HeldOutScores) -> float:
        """The best cut when all classes have the same."""
        cut = best_pooled_cut(rows.scores, rows.target, self.value, rows.known)
        taken = rows.scores >= cut
        return cut if (taken if rows.known is None else taken & rows.known).any() else math.inf

    def class_cuts(self, rows: HeldOutScores, shared: float) -> Float64[Tensor, "c"]:
        """The best cut of each class, shape (c,)."""
        found = best_cuts(rows.scores, rows.target, self.value, rows.known)
        return found.cuts.where(found.taken > 0, math.inf)

    def __repr__(self) -> str:
        """The constructor."""
        return f"RecallAtPrecision(precision={self.precision:g})"
