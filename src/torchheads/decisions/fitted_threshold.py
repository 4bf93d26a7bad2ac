"""Each class judged against a threshold learned from held-out data.

m rows (examples or positions), c classes.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchheads.decisions.base import DecisionRule
from torchheads.decisions.functional import above, best_micro_f1_cut
from torchheads.errors import FitError


class FittedThreshold(DecisionRule):
    """Every class whose score reaches the one cut that maximised micro-F1 on held-out data, shape (m, c) bool.

    Unfitted it refuses to decide. The cut is learned state: it is saved and loaded with the head. For a threshold
    known beforehand use `Threshold`.

    Raises:
        FitError: code F01 when used before `fit`; F02 when fitted without any positive label; F03 when fitted on scores
            that are not finite or not of the classes it was bound to.

    Example:
        >>> rule = FittedThreshold()
        >>> rule.bind(num_classes=2)
        >>> rule.fit(torch.tensor([[2.0, -1.0], [0.0, -3.0]]), torch.tensor([[True, False], [True, False]]))
        >>> rule(torch.tensor([[-0.4, -0.6]]))
        tensor([[ True, False]])

    Source: see `torchheads.decisions.functional.best_micro_f1_cut`.
    """

    label_type = "multi"
    suggestion = "Argmax() (decision=argmax)"

    cut: Tensor
    is_fitted: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cut", torch.zeros(0, dtype=torch.float32))
        self.register_buffer("is_fitted", torch.tensor(False))

    @property
    def fitted(self) -> bool:
        """Whether `fit` was called or a fitted state was loaded."""
        return self.is_fitted.device.type != "meta" and bool(self.is_fitted)

    def bind(self, num_classes: int) -> None:
        """Make room for one cut a class, so that states of this rule have one shape; keep a cut that was learned."""
        if not self.fitted or self.cut.shape != (num_classes,):
            self.cut = torch.zeros(num_classes, dtype=torch.float32)
            self.is_fitted = torch.zeros_like(self.is_fitted)

    @torch.no_grad()
    def fit(self, scores: Tensor, target: Tensor, known: Tensor | None = None, calibrated: bool = False) -> None:
        """Learn the cut from held-out scores of shape (m, c) and their label sets of shape (m, c).

        Raises:
            FitError: code F02, when no entry of the target is positive; F03, when the scores do not fit.
        """
        fits = isinstance(scores, Tensor) and scores.shape[1:] == self.cut.shape
        if not fits or not scores.isfinite().all():
            what = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else f"type {type(scores).__name__}"
            problem = f"scores of {what}; allowed finite ones of shape (n, {len(self.cut)})"
            raise FitError("F03", problem, "head.scores(logits) of a split that gives finite logits")
        if not isinstance(target, Tensor) or target.shape != scores.shape:
            what = f"shape {tuple(target.shape)}" if isinstance(target, Tensor) else f"type {type(target).__name__}"
            problem = f"a target of {what} for scores of shape {tuple(scores.shape)}; allowed the same shape"
            raise FitError("F03", problem, "rule.fit(scores, target.bool())")
        if not target.any():
            problem = f"no positive label among {scores.shape[0]} held-out examples; a threshold cannot be fitted"
            raise FitError("F02", problem, "decision=threshold decision.value=0.5, or a larger calibration split")
        best = best_micro_f1_cut(scores, target)
        cut = self.cut.new_full((scores.shape[1],), best)
        self.cut = cut.where(cut.double() <= best, cut.nextafter(torch.full_like(cut, -torch.inf)))  # never rounded up
        self.is_fitted = torch.ones_like(self.is_fitted)

    def forward(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m c"]:
        """Sets as a mask, shape (m, c)."""
        if not torch.compiler.is_compiling() and not self.fitted:
            problem = "the threshold was not fitted yet, so there is no decision"
            raise FitError("F01", problem, "head.decision.fit(scores, target) on held-out data, or Threshold(0.5)")
        return above(scores, self.cut)

    def extra_repr(self) -> str:
        """Whether fitted, and the cut."""
        return f"fitted, cut={self.cut[0].item():.4g}" if self.fitted else "not fitted"
