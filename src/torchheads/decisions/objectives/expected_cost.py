"""What wrong answers cost.

m rows (examples or positions), c classes.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float64
from torch import Tensor

from torchheads.buffers import constant
from torchheads.decisions.functional.curves import Counts, best_cuts
from torchheads.decisions.functional.shared import best_of_both, best_shared_cut
from torchheads.decisions.objectives.base import HeldOutScores, Objective
from torchheads.errors import HeadConfigError

Cost = float | Sequence[float]


class ExpectedCost(Objective):
    """The least total cost of labels given wrongly and labels missed.

    Scores that come from a fitted calibrator are taken at their word, and the threshold is known without looking at
    rows: p >= cost_false_positive / (cost_false_positive + cost_false_negative). Others get the cuts that cost least on
    the held-out rows.

    Args:
        cost_false_positive: of a label given wrongly, above 0; one number, or one a class.
        cost_false_negative: of a label missed, above 0; one number, or one a class.

    Raises:
        HeadConfigError: code H03, for costs that are not above 0, or not one a class.

    Example:
        >>> ExpectedCost(cost_false_positive=1.0, cost_false_negative=3.0).calibrated_cuts(1).sigmoid()
        tensor([0.2500], dtype=torch.float64)

    Source: Elkan (2001), "The foundations of cost-sensitive learning", section 2.
    """

    def __init__(self, cost_false_positive: Cost = 1.0, cost_false_negative: Cost = 1.0) -> None:
        self.false_positive = as_costs("cost_false_positive", cost_false_positive)
        self.false_negative = as_costs("cost_false_negative", cost_false_negative)

    def fits(self, num_classes: int) -> bool:
        """Whether the costs are one for all classes, or one a class."""
        return all(cost.numel() in (1, num_classes) for cost in (self.false_positive, self.false_negative))

    def value(self, counts: Counts) -> Tensor:
        """The cost, below 0, shape of the counts; of each class its own."""
        wrong, missed = counts.taken - counts.hits, counts.positives - counts.hits
        per_wrong, per_missed = (
            (cost if cost.numel() == 1 else cost[counts.classes])[:, None]
            for cost in (each.to(counts.hits.device) for each in (self.false_positive, self.false_negative))
        )
        return -(per_wrong * wrong + per_missed * missed)

    def shared_cut(self, rows: HeldOutScores) -> float:
        """The best cut when all classes have the same."""
        return best_shared_cut(rows.scores, rows.target, self.value, "classes", rows.known)

    def class_cuts(self, rows: HeldOutScores, shared: float) -> Float64[Tensor, "c"]:
        """The best cut of each class, shape (c,)."""
        return best_cuts(rows.scores, rows.target, self.value, rows.known).cuts

    def both(self, rows: HeldOutScores) -> tuple[float, Float64[Tensor, "c"]]:
        """The best cut for all classes, and the best of each, shape (c,)."""
        own, shared = best_of_both(rows.scores, rows.target, self.value, self.value, rows.known)
        return shared, own.cuts

    def calibrated_cuts(self, num_classes: int) -> Float64[Tensor, "c"]:
        """ln cost_false_positive - ln cost_false_negative, shape (c,)."""
        return (self.false_positive.log() - self.false_negative.log()).expand(num_classes)

    def __repr__(self) -> str:
        """The constructor."""
        shown = [
            cost.item() if cost.numel() == 1 else cost.tolist() for cost in (self.false_positive, self.false_negative)
        ]
        return f"ExpectedCost(cost_false_positive={shown[0]}, cost_false_negative={shown[1]})"


def as_costs(name: str, cost: Cost) -> Float64[Tensor, "c"]:
    """Costs as float64 of shape (c,) or (1,); code H03 for what is none."""
    try:
        numbers = constant(cost, torch.float64).reshape(-1)
    except (TypeError, ValueError, RuntimeError):
        numbers = torch.zeros(0, dtype=torch.float64)
    if not numbers.numel() or not bool(((numbers > 0) & numbers.isfinite()).all()):
        raise HeadConfigError("H03", f"{name}={cost!r:.60}; allowed a number above 0, or one a class", f"{name}=1.0")
    return numbers
