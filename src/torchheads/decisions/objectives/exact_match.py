"""The share of rows whose set is right as a whole.

m rows (examples or positions), c classes.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from torchheads.decisions.functional.curves import Counts
from torchheads.decisions.functional.joint import best_coordinate_cuts
from torchheads.decisions.functional.shared import best_shared_cut
from torchheads.decisions.objectives.base import HeldOutScores, Objective


class ExactMatch(Objective):
    """Rows whose set is exactly right, empty ones too; for a set that is partly right use `FBeta` ("samples").

    Cuts of each class are such that no change of one of them betters it.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0], [1.0, -1.0]]), torch.tensor([[True, True], [False, False]])
        >>> ExactMatch().class_cuts(HeldOutScores(scores, target), shared=0.0)
        tensor([1.5000, 0.0000], dtype=torch.float64)
    """

    def value(self, counts: Counts) -> Tensor:
        """1 where what is right is taken and nothing else, shape of the counts."""
        return ((counts.hits == counts.positives) & (counts.taken == counts.positives)).double()

    def shared_cut(self, rows: HeldOutScores) -> float:
        """The best cut when all classes have the same."""
        return best_shared_cut(rows.scores, rows.target, self.value, "rows", rows.known)

    def class_cuts(self, rows: HeldOutScores, shared: float) -> Float64[Tensor, "c"]:
        """Cuts that no change of one betters, shape (c,)."""
        start = torch.full_like(rows.scores[0], shared, dtype=torch.float64)
        return best_coordinate_cuts(rows.scores, rows.target, self.value, start, rows.known)

    def __repr__(self) -> str:
        """The constructor."""
        return "ExactMatch()"
