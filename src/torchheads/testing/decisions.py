"""Checks of scores, probabilities and predictions, and of their agreement.

n examples, c classes.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from torchheads.calibration import Calibrator, Identity
from torchheads.decisions import Argmax, FittedThreshold, Threshold
from torchheads.errors import FitError
from torchheads.testing.base import HeadCase, answers, check, log_odds
from torchheads.testing.functional import require, require_close, require_equal, require_refusal, require_same_answers
from torchheads.testing.losses import flat


def plain_argmax(case: HeadCase) -> bool:
    """For heads that decide by the largest score and reject nothing."""
    return isinstance(case.sample.decision, Argmax) and case.sample.decision.cut is None


def by_threshold(case: HeadCase) -> bool:
    """For heads that hold each score against a cut of its class."""
    return isinstance(case.sample.decision, Threshold | FittedThreshold)


class Doubling(Calibrator):
    """Twice the logits of shape (m, c): what a check puts in to see where calibration goes."""

    def forward(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """2 z, shape (m, c)."""
        return 2 * logits


# Probabilities --------------------------------------------------------------------------------------------------------


@check()
def probabilities_lie_between_zero_and_one(case: HeadCase) -> None:
    """Every probability is at least 0 and at most 1, at extreme logits too."""
    probabilities = case.head().probabilities(case.grid())
    bad = probabilities[~((probabilities >= 0) & (probabilities <= 1))]
    require(bad.numel() == 0, f"probabilities {bad[:3].tolist()}", "end probability_rows with the link function")


@check(lambda case: case.softmax)
def probabilities_sum_to_one(case: HeadCase) -> None:
    """Where classes compete, the probabilities of a row sum to 1."""
    sums = case.head().probabilities(torch.cat([case.logits(), case.grid()])).double().sum(dim=1)
    rounding = 1e-6 + 1e-8 * case.num_classes  # the softmax adds up its own denominator in float32
    require_close("the sum of a row", sums, torch.ones_like(sums), "softmax over axis 1", rtol=0, atol=rounding)


@check()
def probability_rises_with_its_logit(case: HeadCase) -> None:
    """A class whose logit rises, all others staying, becomes more probable, and its score rises."""
    head, logits = case.head(), case.logits()
    remedy = "let the link rise with its logit"
    for number in range(case.num_classes):
        higher = logits.clone()
        higher[:, number] += 1
        for name in ("probabilities", "scores"):
            less, more = answers(head, logits)[name][:, number], answers(head, higher)[name][:, number]
            require(bool((more > less).all()), f"{name} of class {number} do not rise with its logit", remedy)


@check()
def positions_are_answered_as_rows(case: HeadCase) -> None:
    """Answers for logits (N, C, *spatial) are those of their rows (m, c), in the layout of the logits."""
    head, logits, remedy = case.head(), case.logits(2, 2, 3), "torchheads.shapes.unrows brings rows back into layout"
    found, expected = answers(head, logits), answers(head, flat(logits))
    for name, rows in expected.items():
        answer = found[name]
        shape = (2, 2, 3) if rows.ndim == 1 else (2, case.num_classes, 2, 3)
        require(answer.shape == shape, f"{name} of shape {tuple(answer.shape)}, expected {shape}", remedy)
        require_close(name, answer.flatten() if rows.ndim == 1 else flat(answer), rows, remedy)


# Scores ---------------------------------------------------------------------------------------------------------------


@check(log_odds)
def scores_are_the_log_odds_of_probabilities(case: HeadCase) -> None:
    """The sigmoid of a score is the probability, so one threshold means the same for every head."""
    head, logits = case.head(), case.logits(20)
    found = head.scores(logits).sigmoid()
    require_close("sigmoid(score)", found, head.probabilities(logits), "score_rows = log p - log(1 - p)")


@check(log_odds)
def scores_have_the_order_of_probabilities(case: HeadCase) -> None:
    """Of any two entries of a batch, the more probable one never has the lower score."""
    head, logits = case.head(), case.logits(20)
    scores, probabilities = head.scores(logits).flatten().sort()[0], head.probabilities(logits).flatten()
    ranked = probabilities[head.scores(logits).flatten().argsort(stable=True)]
    kept = bool((ranked.diff() >= -1e-6).all()) and bool(scores.isfinite().all())
    require(kept, "an order by score that is not the order by probability", "score_rows = log p - log(1 - p)")


@check()
def scores_do_not_saturate(case: HeadCase) -> None:
    """Scores keep telling examples apart where their probabilities have long become 1 in float32."""
    logits = torch.zeros(5, case.num_classes)
    logits[:, 0] = torch.tensor([20.0, 30.0, 50.0, 100.0, 1000.0])
    scores = case.head().scores(logits)[:, 0]
    found = f"scores {scores.tolist()} at logits {logits[:, 0].tolist()}"
    require(bool((scores.diff() > 0).all()), found, "compute scores from logits, never from probabilities")


@check(lambda case: case.softmax and log_odds(case))
def a_shift_of_a_row_changes_nothing(case: HeadCase) -> None:
    """Where classes compete, a constant added to a row of logits changes no answer and no loss."""
    head, logits, target = case.head(), case.logits(), case.target()
    shifted = logits + torch.tensor([[-7.0], [3.0], [0.5], [20.0], [-1.0], [2.0]])
    remedy = "let scores be log-odds: torchheads.links.log_odds"
    require_same_answers(answers(head, shifted), answers(head, logits), remedy)
    found, expected = head.loss_from_logits(shifted, target), head.loss_from_logits(logits, target)
    require_close("the loss", found, expected, remedy)


@check()
def answers_do_not_depend_on_the_batch(case: HeadCase) -> None:
    """The answer for an example is the same alone, among others, and in another order."""
    head, logits, chosen = case.head(), case.logits(), torch.tensor([4, 1])
    whole, remedy = answers(head, logits), "take no mean, maximum or rank over the rows of a batch"
    for name, part in answers(head, logits[chosen]).items():
        require_close(f"{name} of a part", part, whole[name][chosen], remedy)


@check(lambda case: plain_argmax(case) or isinstance(case.sample.decision, Threshold))
def answers_do_not_depend_on_the_order_of_classes(case: HeadCase) -> None:
    """Classes under other numbers have the same scores, probabilities and predictions under those numbers."""
    head, logits, order = case.head(), case.logits(), torch.arange(case.num_classes).roll(2)
    moved = case.head()
    if isinstance(moved.decision, Threshold):
        moved.decision.cut = moved.decision.cut[order].clone()
    expected, found = answers(head, logits), answers(moved, logits[:, order])
    renamed = {name: v[:, order] if v.ndim == 2 else order.argsort()[v] for name, v in expected.items()}
    require_same_answers(found, renamed, "treat all classes alike")


@check()
def calibration_reaches_every_answer(case: HeadCase) -> None:
    """A calibrator changes scores, probabilities, predictions and nll as if the logits had been calibrated before."""
    plain, head, logits, target = case.head(), case.head(), case.logits(), case.target()
    plain.calibrator, head.calibrator = Identity(), Doubling()
    remedy = "begin with self.calibrated(logits), once"
    require_same_answers(answers(head, logits), answers(plain, 2 * logits), remedy)
    require_close("the nll", head.nll(logits, target), plain.nll(2 * logits, target), remedy)
    found, expected = head.loss_from_logits(logits, target), plain.loss_from_logits(logits, target)
    require_close("the loss", found, expected, "train on logits as they are; calibration comes afterwards")


# Predictions ----------------------------------------------------------------------------------------------------------


@check()
def predictions_have_their_form(case: HeadCase) -> None:
    """Predictions are class indices (N,) int64 on single-label data, and label sets (N, C) bool otherwise."""
    found = case.head().predict(case.logits())
    shape, dtype = ((6,), torch.int64) if case.single else ((6, case.num_classes), torch.bool)
    what = f"predictions of shape {tuple(found.shape)} and {found.dtype}, expected {shape} and {dtype}"
    require(found.shape == shape and found.dtype == dtype, what, "let a DecisionRule of the head's label type decide")


@check()
def predictions_are_decisions_about_scores(case: HeadCase) -> None:
    """``head.predict`` is the head's decision rule applied to its scores."""
    head, logits = case.head(), case.logits(20)
    expected = head.decision(head.scores(logits))
    require_equal("the prediction", head.predict(logits), expected, "change the decision rule, not predict")


@check(plain_argmax)
def the_predicted_class_is_the_most_probable(case: HeadCase) -> None:
    """The predicted class has the largest probability of its row."""
    head, logits = case.head(), case.logits(20)
    expected = head.probabilities(logits).argmax(dim=1)
    require_equal("the class", head.predict(logits), expected, "let scores have the order of probabilities")


@check(plain_argmax)
def ties_go_to_the_lowest_class(case: HeadCase) -> None:
    """Among classes with equal logits the lowest number is predicted."""
    logits = torch.zeros(3, case.num_classes)
    logits[0, 1:3] = 2
    logits[1, -2:] = 1
    expected = torch.tensor([1, case.num_classes - 2, 0])
    require_equal("the class", case.head().predict(logits), expected, "give equal logits equal scores, and use argmax")


@check(lambda case: by_threshold(case) and log_odds(case))
def a_class_is_predicted_where_its_probability_reaches_the_threshold(case: HeadCase) -> None:
    """A label is predicted exactly where its probability is at least the threshold's."""
    head, logits = case.head(), case.logits(40)
    level = next(cut for name, cut in head.decision.named_buffers() if name == "cut").sigmoid()
    probabilities, found = head.probabilities(logits), head.predict(logits)
    clear = (probabilities - level).abs() > 1e-5
    expected = (probabilities >= level)[clear]
    require_equal("the label", found[clear], expected, "let the rule decide about scores, which are log-odds")


@check(by_threshold)
def a_score_equal_to_the_threshold_is_enough(case: HeadCase) -> None:
    """Equality counts as positive, and the next smaller number does not."""
    head, logits = case.head(), case.logits(1)
    scores, cut = head.scores(logits)[0], next(cut for name, cut in head.decision.named_buffers() if name == "cut")
    remedy = "score >= cut"
    cut.copy_(scores)
    require(bool(head.predict(logits).all()), "a label left out at a score equal to its cut", remedy)
    cut.copy_(scores.nextafter(torch.full_like(scores, math.inf)))
    require(not head.predict(logits).any(), "a label predicted at a score below its cut", remedy)


@check(lambda case: not case.sample.decision.fitted)
def refuses_to_decide_unfitted(case: HeadCase) -> None:
    """A decision that must be fitted is refused before it is: FitError with code F01."""
    head = case.factory()
    remedy = "raise FitError while `fitted` is False"
    require_refusal(lambda: head.predict(case.logits()), FitError, "F01", remedy)
    require(bool(head.probabilities(case.logits()).isfinite().all()), "no probabilities before that", remedy)


@check()
def an_empty_batch_has_empty_answers(case: HeadCase) -> None:
    """No examples give no answers: shapes with a 0 in them, and a loss of 0."""
    head, logits = case.head(), case.logits(0)
    for name, answer in answers(head, logits).items():
        shape = (0,) if name == "predictions" and case.single else (0, case.num_classes)
        require(answer.shape == shape, f"{name} of shape {tuple(answer.shape)}, expected {shape}", "no min over rows")
    loss = head.loss_from_logits(logits, case.target(6)[:0])
    require(loss.item() == 0, f"a loss of {loss.item()}", "divide by max(N, 1)")
