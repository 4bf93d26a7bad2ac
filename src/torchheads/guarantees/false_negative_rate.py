"""Label sets that miss no more of the right labels than was asked for.

m rows (examples or positions), c classes.
"""

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.errors import FitError, warn
from torchheads.guarantees.base import Guarantee, check_share, check_yes_no
from torchheads.guarantees.functional import conformal_quantile, cut_of_misses, exact, rows_needed


class FalseNegativeRate(Guarantee):
    """Conformal risk control: a cut below which, on average, at most a share ``level`` of a row's labels is missed.

    For multi-label data, with either head; `Coverage` is its sibling for one class a row, and `PrecisionControl` limits
    what is wrongly in a set instead. With n held-out rows the cut is the largest one for which

        n/(n + 1) R(cut) + 1/(n + 1) <= level,    R = mean over the rows of (labels below the cut) / (labels of the row)

    where a row without labels misses nothing. Then the expected share of missed labels of a new row is at most
    ``level``, if held-out and new rows are exchangeable. The larger the cut, the smaller the sets. Rows count alike: a
    rare label that is always missed costs little. ``per_label=True`` promises to each label that at most a share
    ``level`` of the rows that have it miss it, by a cut of its own from its held-out positives. A label with too few of
    them can only be promised by being in every set (`always_included`).

    Args:
        level: largest expected share of missed labels, in (0, 1).
        per_label: whether the promise is to each label.

    Raises:
        HeadConfigError: code H03, for a level out of range.
        FitError: code F01 before it is fitted; F02, where there are too few held-out rows; F03, where they do not fit.

    Example:
        >>> promise = FalseNegativeRate(level=0.5)
        >>> promise.bind(num_classes=2)
        >>> scores, sets = torch.tensor([[2.0, -1.0], [1.0, -3.0], [-2.0, 3.0]]), torch.tensor([[1, 0], [1, 0], [0, 1]])
        >>> promise.fit(scores, sets.bool())
        >>> promise(torch.tensor([[2.5, 1.9]]))  # of 3 rows one may be missed, so the cut is the second label, 2
        tensor([[ True, False]])

    Source: Angelopoulos et al. (2022), "Conformal risk control", arXiv:2208.02814, equation 4.
    """

    label_type = "multi"
    suggestion = "Coverage(level=0.9) (guarantee=coverage)"

    def __init__(self, level: float = 0.1, per_label: bool = False) -> None:
        super().__init__()
        self.level, self.per_label = check_share("level", level), check_yes_no("per_label", per_label)

    @property
    def meaning(self) -> str:
        """The options that the cuts were learned with."""
        return f"{self.level!r}, {self.per_label}"

    @torch.no_grad()
    def fit(self, scores: Tensor, target: Tensor, known: Tensor | None = None) -> None:
        """Learn the cut from held-out scores (m, c) and label sets (m, c); what is not known is left out.

        Raises:
            FitError: code F02, when there are too few rows; F03, when they do not fit.
        """
        scores, target, _ = self.held_out(scores, target, known)
        self.learn(self._cuts_of_labels(scores, target) if self.per_label else self._cut(scores, target), len(scores))
        if self.always_included:
            few = self.always_included
            problem = (
                f"{len(few)} of {self.num_classes} labels, such as {few[:3]}, are on fewer than "
                f"{rows_needed(1 - exact(self.level))} held-out rows and are in every prediction set"
            )
            warn("W06", problem, "a larger calibration split, a higher level, or per_label=False")

    def _cuts_of_labels(self, scores: Float[Tensor, "m c"], target: Bool[Tensor, "m c"]) -> Float64[Tensor, "c"]:
        """A cut for each label, shape (c,): minus the conformal quantile of minus the scores of its positives."""
        share = 1 - exact(self.level)
        return torch.stack([-conformal_quantile(-scores[target[:, c], c], share) for c in range(self.num_classes)])

    def _cut(self, scores: Float[Tensor, "m c"], target: Bool[Tensor, "m c"]) -> Float64[Tensor, "c"]:
        """One cut for all labels, shape (c,)."""
        rows = len(scores)
        budget = (rows + 1) * exact(self.level) - 1
        if budget < 0:
            needed, higher = rows_needed(1 - exact(self.level)), -(-1000 // (rows + 1)) / 1000
            problem = f"{rows} held-out rows; a false-negative rate of {self.level:g} takes {needed} or more"
            raise FitError("F02", problem, f"a larger calibration split, or level={higher:g}")
        sizes = target.sum(dim=1, keepdim=True).expand_as(target)[target]
        cut = cut_of_misses(scores[target], sizes, budget)
        return torch.full((self.num_classes,), cut, dtype=torch.float64, device=scores.device)

    def forward(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m c"]:
        """The set of each row, shape (m, c)."""
        self.check_fitted()
        return scores >= self.limit

    @property
    def always_included(self) -> list[int]:
        """The labels that are in every set, since they had too few held-out positives."""
        return (self.limit == -torch.inf).nonzero().flatten().tolist() if self.fitted else []

    def extra_repr(self) -> str:
        """The options, and what was learned."""
        return f"level={self.level}, per_label={self.per_label}, {super().extra_repr()}"
