"""What a fitted threshold asks of its objective: the best cut for all classes, and the best of each.

m rows (examples or positions), c classes.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.errors import HeadConfigError


class HeldOutScores(NamedTuple):
    """Held-out scores (m, c), label sets (m, c), and which of their entries are known; None for all of them."""

    scores: Float[Tensor, "m c"]
    target: Bool[Tensor, "m c"]
    known: Bool[Tensor, "m c"] | None = None


class Objective(ABC):
    """Something to maximise over cuts: found exactly, among all cut points that the held-out scores have."""

    def fits(self, num_classes: int) -> bool:
        """Whether the objective is one for so many classes."""
        return True

    @abstractmethod
    def shared_cut(self, rows: HeldOutScores) -> float:
        """The best cut when all classes have the same."""

    @abstractmethod
    def class_cuts(self, rows: HeldOutScores, shared: float) -> Float64[Tensor, "c"]:
        """The best cut of each class, shape (c,); ``shared`` is where a search may begin."""

    def both(self, rows: HeldOutScores) -> tuple[float, Float64[Tensor, "c"]]:
        """The best cut for all classes, and the best of each, shape (c,)."""
        shared = self.shared_cut(rows)
        return shared, self.class_cuts(rows, shared)

    def calibrated_cuts(self, num_classes: int) -> Float64[Tensor, "c"] | None:
        """The best cuts of scores that are calibrated, known without looking at rows; None where they are not."""
        return None


def check_share(name: str, share: float) -> float:
    """Refuse what is no share above 0 and up to 1; code H03.

    Example:
        >>> check_share("recall", 0.9)
        0.9
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise HeadConfigError("H03", f"{name}={share!r}; allowed a number above 0 and up to 1", f"{name}=0.9")
    return float(share)
