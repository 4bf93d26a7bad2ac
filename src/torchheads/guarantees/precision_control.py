"""Label sets of which no more is wrong than was asked for.

m rows (examples or positions), c classes.
"""

import math

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.errors import warn
from torchheads.guarantees.base import Guarantee, check_share, check_yes_no
from torchheads.guarantees.functional import exact, imprecision_sums
from torchheads.tail_bounds import binomial_p_values, certified_cut, from_the_top, hoeffding_bentkus_p_values


class PrecisionControl(Guarantee):
    """Learn then test: a cut above which at least a share ``level`` of what is predicted is right, surely enough.

    For multi-label data, with either head; `FalseNegativeRate` limits what is missed instead. The promise is about the
    cut: with probability ``confidence`` over the held-out rows, which must be independent draws of what will come, the
    cut is one that keeps it. Of two kinds:

        per_label=False    E[share of a row's set that is right] >= level, one cut for all labels; an empty set counts
                           as right, so that rows without an answer help
        per_label=True     P(label c is right | score_c >= cut_c) >= level for a label, a cut each; each promise holds
                           with its own ``confidence``, not all of them together

    Cuts are tested from the highest down, at the full 1 - ``confidence``, until one fails, and the last that passed is
    kept (fixed sequence). This is valid for cuts and an order that no held-out target has chosen. One for all: a fixed
    grid of 1001 log-odds from 11013 to -11013, 0.02 apart at 0, by Hoeffding-Bentkus p-values of the row's risks; of
    these no assumption is made. Per label: the scores of fixed ranks, by the exact binomial tail of the wrong ones
    above; see `torchheads.tail_bounds.certified_cut` for what this rests on. Where no cut passes, it is +inf and
    the sets are empty (`never_included`).

    Args:
        level: least precision, in (0, 1).
        confidence: probability that the promise is kept, 1 - delta, in (0, 1).
        per_label: whether the promise is to each label.

    Raises:
        HeadConfigError: code H03, for options out of range.
        FitError: code F01 before it is fitted; F02 and F03, where the held-out rows do not fit.

    Example:
        >>> promise = PrecisionControl(level=0.8, per_label=True)
        >>> promise.bind(num_classes=1)
        >>> scores = torch.linspace(-1, 1, 200).unsqueeze(1)
        >>> promise.fit(scores, scores > 0)  # all right above 0, all wrong below
        >>> promise(torch.tensor([[1.0], [0.0], [-0.9]])).tolist()
        [[True], [True], [False]]

    Source: Angelopoulos et al. (2021), "Learn then test", arXiv:2110.01052, sections 2 to 4.
    """

    label_type = "multi"
    suggestion = "Coverage(level=0.9) (guarantee=coverage)"

    def __init__(self, level: float = 0.8, confidence: float = 0.9, per_label: bool = False) -> None:
        super().__init__()
        self.level, self.confidence = check_share("level", level), check_share("confidence", confidence)
        self.per_label = check_yes_no("per_label", per_label)

    @property
    def meaning(self) -> str:
        """The options that the cuts were learned with."""
        return f"{self.level!r}, {self.confidence!r}, {self.per_label}"

    @torch.no_grad()
    def fit(self, scores: Tensor, target: Tensor, known: Tensor | None = None) -> None:
        """Learn the cut from held-out scores (m, c) and label sets (m, c); what is not known is left out.

        Raises:
            FitError: code F02, without any row; F03, when they do not fit.
        """
        scores, target, known = self.held_out(scores, target, known)
        find = self._cuts_of_labels if self.per_label else self._cut
        self.learn(find(scores, ~target, known), len(scores))
        if self.never_included:
            never = self.never_included
            problem = (
                f"no cut keeps a precision of {self.level:g} with confidence {self.confidence:g} for {len(never)} of "
                f"{self.num_classes} labels, such as {never[:3]}, which are in no prediction set"
            )
            warn("W07", problem, "a larger calibration split, or a lower level")

    def _cuts_of_labels(
        self, scores: Float[Tensor, "m c"], wrong: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"]
    ) -> Float64[Tensor, "c"]:
        """A cut for each label, shape (c,)."""
        limit, failure = float(1 - exact(self.level)), float(1 - exact(self.confidence))
        columns = zip(scores.T, wrong.T.double(), known.T, strict=True)
        cuts = []
        for own, bad, sure in columns:
            plan = from_the_top(int(sure.sum()), limit, failure, binomial_p_values)
            cuts.append(certified_cut(own[sure], bad[sure], limit, plan, binomial_p_values))
        return torch.tensor(cuts, dtype=torch.float64, device=scores.device)

    def _cut(
        self, scores: Float[Tensor, "m c"], wrong: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"]
    ) -> Float64[Tensor, "c"]:
        """One cut for all labels, shape (c,)."""
        limit, failure = float(1 - exact(self.level)), float(1 - exact(self.confidence))
        cuts = grid().to(scores.device)
        sums = imprecision_sums(scores, wrong, known, cuts)
        rows = torch.full_like(sums, len(scores), dtype=torch.int64)
        passed = int((hoeffding_bentkus_p_values(sums, rows, limit) <= failure).cumprod(0).sum())
        cut = float(cuts[passed - 1]) if passed else math.inf
        answers = bool((scores.masked_fill(~known, -math.inf) >= cut).any())
        return torch.full((self.num_classes,), cut if answers else math.inf, dtype=torch.float64, device=scores.device)

    def forward(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m c"]:
        """The set of each row, shape (m, c)."""
        self.check_fitted()
        return scores >= self.limit

    @property
    def never_included(self) -> list[int]:
        """The labels that are in no set, since no cut was sure enough."""
        return (self.limit == torch.inf).nonzero().flatten().tolist() if self.fitted else []

    def extra_repr(self) -> str:
        """The options, and what was learned."""
        options = f"level={self.level}, confidence={self.confidence}, per_label={self.per_label}"
        return f"{options}, {super().extra_repr()}"


def grid() -> Float64[Tensor, "k"]:
    """The log-odds that are tested where one cut is for all labels, highest first, shape (1001,).

    Example:
        >>> grid()[[0, 499]]
        tensor([1.1013e+04, 2.0001e-02], dtype=torch.float64)
    """
    return torch.linspace(10, -10, 1001, dtype=torch.float64).sinh()
