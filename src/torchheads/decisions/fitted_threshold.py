"""Each class judged against a threshold learned from held-out data.

m rows (examples or positions), c classes.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.buffers import constant, mark_fitted
from torchheads.decisions.base import DecisionRule
from torchheads.decisions.functional.answers import above, limited
from torchheads.decisions.objectives import FBeta, Objective
from torchheads.decisions.objectives.base import HeldOutScores
from torchheads.errors import FitError, HeadConfigError
from torchheads.fitting import CALIBRATE, check_held_out

Scope = Literal["global", "per_class", "shrunk"]

USUAL = {
    **{"objective": "null", "scope": "shrunk", "shrinkage": "20.0", "fit": "holdout", "folds": "5"},
    **{"min_labels": "0", "max_labels": "null"},
}
"""What to type in place of an option out of range."""


class FittedThreshold(DecisionRule):
    """Every class whose score reaches the cut that was best on held-out data, shape (m, c) bool.

    Unfitted it refuses to decide. The cuts are learned state: they are saved and loaded with the head. For a threshold
    known beforehand use `Threshold`. The best cut of each class fits rare classes to chance; "shrunk" moves it towards
    the best cut for all, and that one towards probability 0.5,

        cut_c = w_c own_c + (1 - w_c) w shared,    w_c = n_c / (n_c + s),    w = n / (n + s)

    with n_c positives of the class, n of all classes, and shrinkage s. A class without positives, or of positives
    alone, keeps the cut for all; it is marked in ``kept_shared``.

    Args:
        objective: what the cuts maximise; `FBeta` (macro F1) if None.
        scope: "global" for one cut for all classes, "per_class" for the best of each, "shrunk" between the two.
        shrinkage: number of positives at which what was learned weighs as much as what it is moved towards.
        fit: "holdout" for a fit on the calibration split, "crossfit" for one on all training rows, each judged by a
            model that has not seen it; ``train.py`` does it, in Python see `torchheads.crossfit`.
        folds: models that a crossfit trains, from 2.
        min_labels: the least number of labels of a set, those that come nearest to their cut; 1 for no empty sets.
        max_labels: the largest number of labels of a set, those that exceed their cut most; None for any.

    Raises:
        HeadConfigError: code H03, for options out of range.
        FitError: code F01 when used before `fit`; F02 when fitted without any positive label; F03 when fitted on scores
            that are not finite or not of the classes it was bound to.

    Example:
        >>> rule = FittedThreshold(scope="per_class")
        >>> rule.bind(num_classes=2)
        >>> rule.fit(torch.tensor([[2.0, 1.0], [0.0, -3.0]]), torch.tensor([[True, False], [False, True]]))
        >>> rule.cut
        tensor([ 1., -3.])

    Source: cuts of every class, Lipton, Elkan and Narayanaswamy (2014), arXiv:1402.1892; shrinkage, Efron and Morris
        (1975), "Data analysis using Stein's estimator and its generalizations".
    """

    label_type = "multi"
    suggestion = "Argmax() (decision=argmax)"

    cut: Tensor
    kept_shared: Tensor
    is_fitted: Tensor
    kind: Tensor

    def __init__(
        self,
        objective: Objective | None = None,
        scope: Scope = "shrunk",
        shrinkage: float = 20.0,
        fit: Literal["holdout", "crossfit"] = "holdout",
        folds: int = 5,
        min_labels: int = 0,
        max_labels: int | None = None,
    ) -> None:
        super().__init__()
        self.objective = FBeta() if objective is None else objective
        self.scope, self.shrinkage = scope, shrinkage
        self.fitted_on, self.folds = fit, folds
        self.min_labels, self.max_labels = min_labels, max_labels
        check_options(self)
        self.register_buffer("cut", torch.zeros(0, dtype=torch.float32))
        self.register_buffer("kept_shared", torch.zeros(0, dtype=torch.bool))
        self.register_buffer("is_fitted", torch.tensor(False))
        self.register_buffer("kind", constant(0, torch.int64))

    @property
    def fitted(self) -> bool:
        """Whether `fit` was called or a fitted state was loaded."""
        return self.is_fitted.device.type != "meta" and bool(self.is_fitted)

    @property
    def meaning(self) -> str:
        """What the cuts maximise, and how far they are each class's own."""
        plain = type(self.objective).__repr__ is object.__repr__  # which shows an address
        objective = type(self.objective).__name__ if plain else repr(self.objective)
        return f"{objective}, {self.scope}" + (f", {self.shrinkage:g}" if self.scope == "shrunk" else "")

    def bind(self, num_classes: int) -> None:
        """Make room for one cut a class, so that states of this rule have one shape; keep cuts that were learned.

        Raises:
            HeadConfigError: code H03, for limits of sets or costs that are not for so many classes.
        """
        if not self.objective.fits(num_classes):
            problem = f"{self.objective} for a head of {num_classes} classes; allowed one number, or one a class"
            raise HeadConfigError("H03", problem, f"{num_classes} numbers, or one")
        for name, limit in (("min_labels", self.min_labels), ("max_labels", self.max_labels)):
            if limit is not None and limit > num_classes:
                raise HeadConfigError("H03", f"{name}={limit} for {num_classes} classes", f"{name}={num_classes}")
        if not self.fitted or self.cut.shape != (num_classes,):
            self.cut = torch.zeros(num_classes, dtype=torch.float32)
            self.kept_shared = torch.zeros(num_classes, dtype=torch.bool)
            self.is_fitted = torch.zeros_like(self.is_fitted)

    @torch.no_grad()
    def fit(self, scores: Tensor, target: Tensor, known: Tensor | None = None, calibrated: bool = False) -> None:
        """Learn the cuts from held-out scores of shape (m, c) and their label sets of shape (m, c).

        Raises:
            FitError: code F02, when no entry of the target is positive; F03, when the scores do not fit.
        """
        check_held_out(scores, target, known, len(self.cut))
        rows = HeldOutScores(scores, target.bool(), known)
        positives, unknown_or_right = positives_of(rows)
        if not positives.any():
            problem = f"no positive label among {scores.shape[0]} held-out examples; a threshold cannot be fitted"
            raise FitError("F02", problem, "decision=threshold decision.value=0.5, or a larger calibration split")
        cuts = self.objective.calibrated_cuts(len(self.cut)) if calibrated else None
        kept = (positives == 0) | unknown_or_right
        if cuts is None:
            cuts = self._learned_cuts(rows, positives, kept)
        else:
            kept = torch.zeros_like(kept)
        cuts = cuts.to(scores.device)
        cut = cuts.float()
        self.cut = cut.where(cut.double() <= cuts, cut.nextafter(torch.full_like(cut, -torch.inf)))  # never rounded up
        self.kept_shared = kept
        mark_fitted(self)

    def _learned_cuts(
        self, rows: HeldOutScores, positives: Float64[Tensor, "c"], kept: Bool[Tensor, "c"]
    ) -> Float64[Tensor, "c"]:
        """The cuts of the scope; the shared one for classes that are kept at it, shape (c,)."""
        if self.scope == "global":
            return torch.full_like(positives, self.objective.shared_cut(rows))
        shared, own = self.objective.both(rows)
        if self.scope == "per_class":
            return own.where(~kept, shared)
        if math.isinf(shared):  # no cut for all is good enough, so that there is nothing to move towards
            return own.where(~kept, shared)
        total = float(positives.sum())
        shared *= total / (total + self.shrinkage)
        share = positives / (positives + self.shrinkage)
        return (share * own + (1 - share) * shared).where(~kept, shared)

    def forward(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m c"]:
        """Sets as a mask, shape (m, c)."""
        if not torch.compiler.is_compiling() and not self.fitted:
            problem = "the threshold was not fitted yet, so there is no decision"
            remedy = f"head.fit_held_out(logits, target) on held-out data, {CALIBRATE}, or Threshold(0.5)"
            raise FitError("F01", problem, remedy)
        chosen = above(scores, self.cut)
        if self.min_labels == 0 and self.max_labels is None:
            return chosen
        margins = (scores - self.cut).masked_fill(self.cut == torch.inf, -torch.inf)  # never inf - inf
        return limited(chosen, margins, self.min_labels, self.max_labels)

    def extra_repr(self) -> str:
        """What is fitted how, and the cuts where it was."""
        options = f"{self.objective}, scope={self.scope!r}, fit={self.fitted_on!r}"
        if not self.fitted:
            return f"{options}, not fitted"
        low, high = (float(cut) for cut in self.cut.aminmax())
        return f"{options}, fitted, cut={low:.4g}" + (f" to {high:.4g}" if low < high else "")


def positives_of(rows: HeldOutScores) -> tuple[Float64[Tensor, "c"], Bool[Tensor, "c"]]:
    """How many known positives each class has, shape (c,), and whether it has no known negative, shape (c,)."""
    right, known = torch.zeros(2, rows.scores.shape[1], dtype=torch.int64, device=rows.scores.device)
    for start in range(0, len(rows.scores), 8192):  # a sum of bool makes int64 of what it adds up
        part = slice(start, start + 8192)
        target = rows.target[part]
        right += (target if rows.known is None else target & rows.known[part]).sum(dim=0)
        known += len(target) if rows.known is None else rows.known[part].sum(dim=0)
    return right.double(), right == known


def check_options(rule: FittedThreshold) -> None:
    """Refuse options out of range; code H03."""
    least, most = rule.min_labels, rule.max_labels
    options = {
        "objective": (rule.objective, "an Objective, such as FBeta()", isinstance(rule.objective, Objective)),
        "scope": (rule.scope, "'global', 'per_class', 'shrunk'", rule.scope in ("global", "per_class", "shrunk")),
        "shrinkage": (rule.shrinkage, "a number from 0", is_number(rule.shrinkage)),
        "fit": (rule.fitted_on, "'holdout', 'crossfit'", rule.fitted_on in ("holdout", "crossfit")),
        "folds": (rule.folds, "a whole number from 2", is_whole(rule.folds) and rule.folds >= 2),
        "min_labels": (least, "a whole number from 0", is_whole(least)),
        "max_labels": (most, "a whole number from 1 and from min_labels", most is None or is_whole(most)),
    }
    for name, (value, allowed, holds) in options.items():
        if not holds or (name == "max_labels" and most is not None and most < max(1, least)):
            problem = f"{name}={value!r:.60}; allowed {allowed}"
            raise HeadConfigError("H03", problem, f"decision.{name}={USUAL[name]}")


def is_number(value: object) -> bool:
    """Whether a value is a finite number from 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def is_whole(value: object) -> bool:
    """Whether a value is a whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
