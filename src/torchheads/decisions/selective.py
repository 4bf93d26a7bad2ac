"""Answers where the expected error stays small, and none elsewhere.

m rows (examples or positions), c classes.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchheads.buffers import constant, kind_of, learns, mark_fitted
from torchheads.decisions.base import DecisionRule, one_number
from torchheads.decisions.functional.selection import JUDGES, lowest_cut
from torchheads.errors import FitError, HeadConfigError, warn
from torchheads.fitting import CALIBRATE, check_held_out, halves
from torchheads.tail_bounds import certified_cut, from_several_starts


class Selective(DecisionRule):
    """Decides by a rule, but only for rows whose confidence reaches a cut, learned so that few answers are wrong.

    A row without an answer is -1 on single-label data and an empty set on multi-label data, where `abstains` tells it
    from a set that was found empty. For a level named beforehand, in place of an error rate, use
    ``Argmax(reject_below=0.5)``. On held-out rows, with the error of a row and the confidence in its answer

        single   error = whether the class is wrong         confidence = the largest score
        multi    error = share of its labels that is wrong  confidence = mean over classes of P(what the set says of it)

    the cut is the lowest one for which the mean error of the rows that reach it is at most ``max_error``. All cut
    points are looked at, and it lies midway between two confidences. That is an estimate: half of such cuts do a little
    worse on new rows. With ``confidence=0.95`` the error of new rows stays below ``max_error`` for 95 % of held-out
    samples, at the price of fewer answers: the lowest cut that `torchheads.tail_bounds.certified_cut` is sure of. A
    rule that learns is then fitted on one half of the rows and the cut on the other, since the errors on rows that a
    rule was fitted on prove nothing.

    Args:
        max_error: largest mean error of the rows that are answered, in (0, 1).
        confidence: probability in (0, 1) that new rows keep to it, or None for the plain mean.
        rule: what decides; it is fitted first. The natural rule of the head if None.

    Raises:
        HeadConfigError: code H03, for options out of range, or without any rule outside a head.
        FitError: code F01 before it is fitted; F02 and F03, when the held-out rows do not do.

    Example:
        >>> from torchheads.decisions import Argmax
        >>> rule = Selective(max_error=0.25, rule=Argmax())
        >>> rule.bind(num_classes=2)
        >>> scores = torch.tensor([[3.0, -3.0], [-2.0, 2.0], [1.5, -1.5], [-1.0, 1.0]])
        >>> rule.fit(scores, torch.tensor([[1, 0], [0, 1], [0, 1], [1, 0]]).bool())  # right, right, wrong, wrong
        >>> rule(torch.tensor([[-1.8, 1.8], [1.6, -1.6]]))
        tensor([ 1, -1])

    Source: Chow (1970), "On optimum recognition error and reject tradeoff"; Geifman and El-Yaniv (2017),
        arXiv:1705.08500, whose bound is used, but for cuts in a fixed order in place of a binary search.
    """

    least: Tensor
    is_fitted: Tensor
    kind: Tensor
    num_classes: int = 0

    def __init__(
        self, max_error: float = 0.05, confidence: float | None = None, rule: DecisionRule | None = None
    ) -> None:
        super().__init__()
        for name, value in (("max_error", max_error), ("confidence", confidence)):
            if value is not None and not 0 < one_number(value) < 1:
                raise HeadConfigError("H03", f"{name}={value!r}; allowed a number between 0 and 1", f"{name}=0.05")
        check_rule(rule)
        self.max_error = one_number(max_error)
        self.confidence = None if confidence is None else one_number(confidence)
        self.suggestion = "rule=None, for the rule of the head (decision.rule=null)"
        self.rule: DecisionRule | None = rule
        self.register_buffer("least", torch.tensor(math.inf, dtype=torch.float64))
        self.register_buffer("is_fitted", torch.tensor(False))
        self.register_buffer("kind", constant(0, torch.int64))
        if rule is not None:
            self.label_type = rule.label_type

    @property
    def fitted(self) -> bool:
        """Whether rule and cut were fitted or loaded."""
        return self.is_fitted.device.type != "meta" and bool(self.is_fitted) and self._rule().fitted

    @property
    def meaning(self) -> str:
        """What the cut keeps to, and the rule whose answers it was learned for."""
        rule = kind_of(self.rule) if self.rule is not None and learns(self.rule) else self.rule
        return f"{self.max_error:g}, {self.confidence}, {rule}"

    @property
    def promises(self) -> bool:
        """Whether the error stays small with a probability, not by an estimate alone."""
        return self.confidence is not None

    @property
    def in_force(self) -> DecisionRule | None:
        """The rule that decides, which answers every row, until the cut is fitted."""
        return self if self.fitted else self._rule().in_force

    @property
    def cut(self) -> Tensor | None:
        """The cuts of the rule that decides, shape (c,), or None where it has none."""
        return getattr(self.rule, "cut", None)

    def take(self, num_classes: int, natural: type[DecisionRule]) -> None:
        """As `DecisionRule.take`; without a rule of its own it decides by the natural one from here on."""
        if self.rule is None:
            self.rule = natural()
            self.label_type = natural.label_type
        super().take(num_classes, natural)

    def bind(self, num_classes: int) -> None:
        """Bind the rule that decides."""
        self._rule().bind(num_classes)
        self.num_classes = num_classes

    def _rule(self) -> DecisionRule:
        if self.rule is None:
            raise HeadConfigError("H03", "Selective has no rule to decide by yet", "Selective(rule=Argmax())")
        return self.rule

    @torch.no_grad()
    def fit(self, scores: Tensor, target: Tensor, known: Tensor | None = None, calibrated: bool = False) -> None:
        """Fit the rule, then the cut, on held-out scores (m, c) and label sets (m, c).

        Raises:
            FitError: code F02, without any row; F03, when the rows do not fit; and those of the rule.
        """
        check_held_out(scores, target, known, self.num_classes)
        rule, judge, (first, rest) = self._rule(), JUDGES[self.label_type], self._shared_out(scores)
        rule.fit(scores[first], target[first], known if known is None else known[first], calibrated)
        scores, target, known = scores[rest], target[rest], known if known is None else known[rest]
        predictions, answered = rule(scores), ~rule.abstains(scores)
        if known is not None:
            answered &= known.any(dim=1)
        confidence = judge.confidence(scores, predictions)[answered]
        errors = judge.errors(predictions, target.bool(), known)[answered]
        if self.confidence is None:
            cut = lowest_cut(confidence, errors, self.max_error)
        else:
            plan = from_several_starts(len(errors), self.max_error, 1 - self.confidence, judge.p_values)
            cut = certified_cut(confidence, errors, self.max_error, plan, judge.p_values)
        self.least = torch.full_like(self.least, cut, device=scores.device)
        mark_fitted(self, scores.device)
        if cut == math.inf:
            problem = (
                f"no cut keeps the error at {self.max_error:g} on {len(scores)} held-out rows; nothing is answered"
            )
            warn("W07", problem, "a larger decision.max_error, or a larger calibration split")

    def _shared_out(self, scores: Float[Tensor, "m c"]) -> tuple[Tensor, Tensor]:
        """The numbers of the rows that the rule is fitted on, and of those that the cut is."""
        if self.confidence is not None and hasattr(self.rule, "is_fitted"):  # a rule that learns
            return halves(len(scores), scores.device)
        everything = torch.arange(len(scores), device=scores.device)
        return everything, everything

    def abstains(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m"]:
        """Which rows are not answered, shape (m,); code F01 before the cut is fitted."""
        rule = self._rule()
        if not torch.compiler.is_compiling() and not self.fitted:
            problem = "the cut of Selective was not fitted yet, so there is no decision"
            raise FitError("F01", problem, f"head.fit_held_out(logits, target) on held-out data, or {CALIBRATE}")
        return rule.abstains(scores) | (JUDGES[self.label_type].confidence(scores, rule(scores)) < self.least)

    def undecided(self, scores: Float[Tensor, "m c"]) -> Tensor:
        """What the rule says of every row, answered or not."""
        predictions: Tensor = self._rule()(scores)
        return predictions

    def forward(self, scores: Float[Tensor, "m c"]) -> Tensor:
        """What the rule says where it is answered; else -1, or an empty set."""
        return JUDGES[self.label_type].without(self.undecided(scores), self.abstains(scores))

    def extra_repr(self) -> str:
        """The constructor's arguments, and the cut."""
        cut = f"fitted, least={self.least.item():.4g}" if self.rule is not None and self.fitted else "not fitted"
        return f"max_error={self.max_error}, confidence={self.confidence}, {cut}"


def check_rule(rule: object) -> None:
    """Refuse what is no rule, and a rule that is crossfitted: the cut needs held-out rows of one model; code H03."""
    if rule is not None and not isinstance(rule, DecisionRule):
        shown = rule.__name__ if isinstance(rule, type) else repr(rule)
        problem = f"Selective(rule={shown:.60}); allowed a decision object, or None for the rule of the head"
        raise HeadConfigError("H03", problem, "rule=Argmax() (decision.rule=null)")
    if rule is not None and rule.fitted_on == "crossfit":
        problem = f"Selective(rule={type(rule).__name__}(fit='crossfit')); its cut is fitted on a held-out split alone"
        raise HeadConfigError("H03", problem, f"rule={type(rule).__name__}() (decision.rule.fit=holdout)")
