"""The harmonic balance of precision and recall.

m rows (examples or positions), c classes.
"""

from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from torchheads.decisions.functional.curves import Counts, best_cuts
from torchheads.decisions.functional.joint import best_coordinate_cuts, best_ratio_cuts
from torchheads.decisions.functional.shared import best_of_both, best_pooled_cut, best_shared_cut
from torchheads.decisions.objectives.base import HeldOutScores, Objective
from torchheads.errors import HeadConfigError


class FBeta(Objective):
    """F-beta of the sets: over classes ("macro"), over all entries ("micro") or over rows ("samples").

        F = (1 + b^2) TP / (taken + b^2 P)

    of each class and its mean over the classes that have positives; of all entries together; of each row and its mean
    over rows, where an empty set that is answered with an empty one has F = 1. Cuts of each class are the best there
    are for "macro" and "micro"; for "samples" no change of one cut betters them.

    Args:
        beta: how much more recall weighs than precision; 1 for F1.
        average: "macro", "micro" or "samples".

    Raises:
        HeadConfigError: code H03, for a beta that is not above 0 or an unknown average.

    Example:
        >>> scores, target = torch.tensor([[2.0, -1.0], [0.0, -3.0]]), torch.tensor([[True, True], [True, False]])
        >>> FBeta().class_cuts(HeldOutScores(scores, target), shared=0.0)
        tensor([ 0., -2.], dtype=torch.float64)

    Source: van Rijsbergen (1979), "Information retrieval", chapter 7; the best cuts: Lipton, Elkan and Narayanaswamy
        (2014), arXiv:1402.1892.
    """

    def __init__(self, beta: float = 1.0, average: Literal["macro", "micro", "samples"] = "macro") -> None:
        if isinstance(beta, bool) or not isinstance(beta, int | float) or not 0 < beta < float("inf"):
            raise HeadConfigError("H03", f"beta={beta!r}; allowed a number above 0", "beta=1.0")
        if average not in ("macro", "micro", "samples"):
            problem = f"average={average!r}; allowed 'macro', 'micro', 'samples'"
            raise HeadConfigError("H03", problem, "average=macro")
        self.beta, self.average = float(beta), average

    def value(self, counts: Counts) -> Tensor:
        """F-beta of what is taken, shape of the counts; 1 where nothing is right and nothing taken."""
        weight = self.beta**2
        denominator = counts.taken + weight * counts.positives
        return ((1 + weight) * counts.hits / denominator).where(denominator > 0, 1.0)

    def class_value(self, counts: Counts) -> Tensor:
        """F-beta of classes; one without positives has none, and counts 0 whatever is taken of it."""
        return self.value(counts).where(counts.positives > 0, 0.0)

    def shared_cut(self, rows: HeldOutScores) -> float:
        """The best cut when all classes have the same."""
        if self.average == "micro":
            return best_pooled_cut(rows.scores, rows.target, self.value, rows.known)
        if self.average == "samples":
            return best_shared_cut(rows.scores, rows.target, self.value, "rows", rows.known)
        return best_shared_cut(rows.scores, rows.target, self.class_value, "classes", rows.known)

    def class_cuts(self, rows: HeldOutScores, shared: float) -> Float64[Tensor, "c"]:
        """The best cut of each class, shape (c,)."""
        if self.average == "macro":
            return best_cuts(rows.scores, rows.target, self.value, rows.known).cuts
        if self.average == "micro":
            return best_ratio_cuts(rows.scores, rows.target, self.beta, rows.known).cuts
        start = torch.full_like(rows.scores[0], shared, dtype=torch.float64)
        return best_coordinate_cuts(rows.scores, rows.target, self.value, start, rows.known)

    def both(self, rows: HeldOutScores) -> tuple[float, Float64[Tensor, "c"]]:
        """The best cut for all classes, and the best of each, shape (c,)."""
        if self.average != "macro":
            return super().both(rows)
        own, shared = best_of_both(rows.scores, rows.target, self.value, self.class_value, rows.known)
        return shared, own.cuts

    def __repr__(self) -> str:
        """The constructor."""
        return f"FBeta(beta={self.beta:g}, average={self.average!r})"
