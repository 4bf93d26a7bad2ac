"""Prediction sets that hold the right class as often as was asked for.

m rows (examples or positions), c classes.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.errors import FitError, HeadConfigError, warn
from torchheads.guarantees.base import Guarantee, check_choice, check_share, check_yes_no
from torchheads.guarantees.functional import adaptive, conformal_quantile, conformal_rank, least_ambiguous, rows_needed


class Coverage(Guarantee):
    """Split conformal prediction: a set of classes that holds the right one in a share ``level`` of new rows.

    For single-label data, with either head; `FalseNegativeRate` is its sibling for label sets. With n held-out rows and
    k = ceil((n + 1) level) the set of a row is

        { c : E_c <= q },    q the k-th smallest of E_{y_i} over the held-out rows i

    and holds the right class with probability k/(n + 1) where E is continuous (more where it has ties), if held-out and
    new rows are exchangeable. E is, by ``method``,

        "lac"   -score_c                                    smallest sets on average; easy rows get one class, or none
        "aps"   sum_{j: p_j >= p_c} p_j                     sizes follow how hard a row is
        "raps"  as "aps" + penalty max(0, rank_c - k_reg)   without the long tails of "aps"

    Nothing is drawn at random. Sets may be empty, under "aps" and "raps" those of rows whose first class alone exceeds
    q, the surest ones: leaving them empty is what makes k/(n + 1) exact without chance. ``allow_empty=False`` puts the
    most probable class into each set, which can only raise the coverage.

    The promise is over all rows: some classes may be covered less than others. ``per_class=True`` gives each class its
    own q from its own held-out rows, and so the promise to each class. A class with too few of them, fewer than
    `torchheads.guarantees.functional.rows_needed`, can only be promised by being in every set (`always_included`).

    Args:
        level: share of rows whose set is to hold the right class, in (0, 1).
        method: "lac", "aps" or "raps".
        penalty: of "raps", for each rank beyond ``k_reg``, at least 0.
        k_reg: of "raps", how many classes are free of it, at least 0. Choose both on other rows than the held-out ones.
        per_class: whether the promise is to each class.
        allow_empty: whether a set may be empty.

    Raises:
        HeadConfigError: code H03, for options out of range.
        FitError: code F01 before it is fitted; F02, where there are too few held-out rows; F03, where they do not fit.

    Example:
        >>> promise = Coverage(level=0.75)
        >>> promise.bind(num_classes=2)
        >>> scores, classes = torch.tensor([[2.0, -2.0], [1.0, -1.0], [-3.0, 3.0]]), torch.tensor([0, 0, 1])
        >>> promise.fit(scores, torch.nn.functional.one_hot(classes).bool())  # k = 3 of 3: the lowest score, 1
        >>> promise(torch.tensor([[1.0, -1.0], [0.5, -0.5], [2.0, 1.5]]))
        tensor([[ True, False],
                [False, False],
                [ True,  True]])

    Source: see `torchheads.guarantees.functional`; per class: Vovk (2012), "Conditional validity of inductive
        conformal predictors", section 4.
    """

    label_type = "single"
    suggestion = "FalseNegativeRate(level=0.1) (guarantee=false_negative_rate)"

    def __init__(
        self,
        level: float = 0.9,
        method: Literal["lac", "aps", "raps"] = "lac",
        penalty: float = 0.1,
        k_reg: int = 2,
        per_class: bool = False,
        allow_empty: bool = True,
    ) -> None:
        super().__init__()
        self.level = check_share("level", level)
        check_choice("method", method, ("lac", "aps", "raps"))
        for name, value, kinds in (("penalty", penalty, (int, float)), ("k_reg", k_reg, (int,))):
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value < float("inf"):
                allowed = "a whole number" if kinds == (int,) else "a number"
                raise HeadConfigError("H03", f"{name}={value!r:.60}; allowed {allowed} >= 0", f"{name}=1")
        self.method, self.penalty, self.k_reg = method, penalty, k_reg
        self.per_class = check_yes_no("per_class", per_class)
        self.allow_empty = check_yes_no("allow_empty", allow_empty)

    @property
    def meaning(self) -> str:
        """The options that the limits were learned with."""
        of_method = f", {self.penalty:g}, {self.k_reg}" if self.method == "raps" else ""
        return f"{self.level!r}, {self.method}{of_method}, {self.per_class}"

    @torch.no_grad()
    def fit(self, scores: Tensor, target: Tensor, known: Tensor | None = None) -> None:
        """Learn the quantile from held-out scores (m, c) and one label a row (m, c).

        Raises:
            FitError: code F02, when there are too few rows; F03, when they do not fit.
        """
        scores, target, _ = self.held_out(scores, target, known)
        if not (target.sum(dim=1) == 1).all():
            problem = "a target of which a row has not exactly one label; allowed one class a row"
            raise FitError("F03", problem, self.suggestion)
        own, classes = self.strangeness(scores)[target], target.long().argmax(dim=1)
        if self.per_class:
            limits = [conformal_quantile(own[classes == label], self.level) for label in range(self.num_classes)]
            self.learn(torch.stack(limits), len(own))
            self._warn_of_classes_without_limit()
            return
        if conformal_rank(len(own), self.level) > len(own):
            needed, lower = rows_needed(self.level), 1000 * len(own) // (len(own) + 1) / 1000
            problem = f"{len(own)} held-out rows; a coverage of {self.level:g} takes {needed} or more"
            raise FitError("F02", problem, f"a larger calibration split, or level={lower:g}")
        self.learn(conformal_quantile(own, self.level).expand(self.num_classes).clone(), len(own))

    def strangeness(self, scores: Float[Tensor, "m c"]) -> Float64[Tensor, "m c"]:
        """E of every class, shape (m, c)."""
        if self.method == "lac":
            return least_ambiguous(scores)
        return adaptive(scores, self.penalty if self.method == "raps" else 0.0, self.k_reg)

    def forward(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m c"]:
        """The set of each row, shape (m, c)."""
        self.check_fitted()
        sets = self.strangeness(scores) <= self.limit
        return sets if self.allow_empty else sets.scatter(1, scores.argmax(dim=1, keepdim=True), True)

    @property
    def always_included(self) -> list[int]:
        """The classes that are in every set, since they had too few held-out rows."""
        return self.limit.isinf().nonzero().flatten().tolist() if self.fitted else []

    def _warn_of_classes_without_limit(self) -> None:
        if self.always_included:
            few = self.always_included
            problem = (
                f"{len(few)} of {self.num_classes} classes, such as {few[:3]}, have fewer than "
                f"{rows_needed(self.level)} held-out rows and are in every prediction set"
            )
            warn("W06", problem, "a larger calibration split, a lower level, or per_class=False")

    def extra_repr(self) -> str:
        """The options that matter, and what was learned."""
        options = {"level": self.level, "method": self.method}
        if self.method == "raps":
            options |= {"penalty": self.penalty, "k_reg": self.k_reg}
        if self.per_class:
            options["per_class"] = True
        if not self.allow_empty:
            options["allow_empty"] = False
        return ", ".join([*(f"{key}={value!r}" for key, value in options.items()), super().extra_repr()])
