"""The best precision that finds enough.

m rows (examples or positions), c classes.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from torchheads.decisions.functional.curves import Counts, best_cuts
from torchheads.decisions.functional.shared import best_pooled_cut
from torchheads.decisions.objectives.base import HeldOutScores, Objective, check_share


class PrecisionAtRecall(Objective):
    """The highest precision among the cuts that find a share ``recall`` of the positives or more. A promise about the
    held-out rows alone; for one about new rows see `torchheads.guarantees`. Its sibling is `RecallAtPrecision`.

    Each class keeps the level when each has its own cut; all entries together do when they share one.

    Args:
        recall: above 0, up to 1.

    Raises:
        HeadConfigError: code H03.

    Example:
        >>> scores = torch.tensor([[3.0], [2.0], [1.0], [0.0]])
        >>> rows = HeldOutScores(scores, torch.tensor([[True], [False], [True], [False]]))
        >>> PrecisionAtRecall(recall=0.9).shared_cut(rows)
        0.5
    """

    def __init__(self, recall: float = 0.9) -> None:
        self.recall = check_share("recall", recall)

    def value(self, counts: Counts) -> Tensor:
        """Precision where the recall is reached, else -inf, shape of the counts."""
        reached = counts.hits >= self.recall * counts.positives - 1e-9  # 0.9 of 10 are 9, whatever floats say
        return (counts.hits / counts.taken).where(reached & (counts.taken > 0), -torch.inf)

    def shared_cut(self, rows: HeldOutScores) -> float:
        """The best cut when all classes have the same."""
        return best_pooled_cut(rows.scores, rows.target, self.value, rows.known)

    def class_cuts(self, rows: HeldOutScores, shared: float) -> Float64[Tensor, "c"]:
        """The best cut of each class, shape (c,)."""
        return best_cuts(rows.scores, rows.target, self.value, rows.known).cuts

    def __repr__(self) -> str:
        """The constructor."""
        return f"PrecisionAtRecall(recall={self.recall:g})"
