"""One fault for every check: heads that break a promise, each registered under the check that must find it.

Most are a few lines that somebody could have written with good intentions.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from torchheads import FittedThreshold, LabelLists, MixedTarget, SigmoidHead, SoftmaxHead, TorchHeadsError
from torchheads.heads.objective import RowLosses
from torchheads.shapes import rows, unrows

WIDTH, CLASSES = 6, 5
BROKEN: dict[str, Callable[..., Any]] = {}
SOUND: dict[str, Callable[..., Any]] = {}  # the head without the fault


def breaks(*names: str, label_type: str | None = None) -> Callable[[Any], Any]:
    """Register a head class as one that breaks the promises named."""

    def factory_of(head_class):
        return lambda **options: head_class(WIDTH, CLASSES, **{"label_type": label_type, **options})

    def entered(head_class):
        for name in names:
            BROKEN[name] = factory_of(head_class)
            SOUND[name] = factory_of(head_class.__mro__[1])
        return head_class

    return entered


# Construction ---------------------------------------------------------------------------------------------------------

BROKEN["makes_a_head_from_defaults"] = lambda **options: nn.Linear(WIDTH, CLASSES)
SOUND["makes_a_head_from_defaults"] = lambda **options: SigmoidHead(WIDTH, CLASSES, **options)


@breaks("shares_nothing_with_other_heads")
class OneRuleForAll(SigmoidHead):
    rule = FittedThreshold()

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **{"decision": self.rule, **options})


@breaks("can_be_made_on_the_meta_device")
class NamesADevice(SigmoidHead):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.scale = torch.nn.Parameter(torch.ones(1, device="cpu"))


@breaks("takes_a_single_class")
class Squeezes(SigmoidHead):
    def probabilities(self, logits):
        return super().probabilities(logits).squeeze(1)


def forgets(option: str, base: type = SigmoidHead) -> type:
    """A head whose constructor takes an option and does nothing with it."""

    def __init__(self, *sizes, **options):  # noqa: N807
        options.pop(option, None)
        super(head_class, self).__init__(*sizes, **options)

    head_class = type(f"Forgets_{option}", (base,), {"__init__": __init__})
    return head_class


breaks("keeps_class_names")(forgets("class_names"))
breaks("refuses_the_criterion_of_another_link")(forgets("criterion"))
breaks("takes_a_prior_when_it_is_made")(forgets("prior"))
breaks("ignoring_is_masking")(forgets("ignore_index"))
breaks("soft_targets_contain_hard_ones", label_type="single")(forgets("soft_targets", SoftmaxHead))
breaks("looks_at_nothing_without_validation")(forgets("validate"))


@breaks("shows_itself")
class Silent(SigmoidHead):
    def extra_repr(self):
        return ""


@breaks("refuses_impossible_sizes")
class MakesDo(SigmoidHead):
    def __init__(self, in_features, num_classes, **options):
        super().__init__(max(1, int(in_features)), max(1, int(num_classes)), **options)


@breaks("starts_at_the_best_constant_logits")
class FixedStart(SigmoidHead):
    def set_prior(self, prior):
        super().set_prior(prior)
        nn.init.constant_(self.classifier.bias, -4.59)


@breaks("waits_for_the_prior_of_the_data")
class WaitsForEver(SigmoidHead):
    @property
    def awaits_prior(self):
        return self.prior == "data"


@breaks("refuses_an_impossible_prior")
class ClampsThePrior(SigmoidHead):
    def set_prior(self, prior):
        super().set_prior(torch.as_tensor(prior, dtype=torch.float64).clamp(1e-6, 1 - 1e-6))


@breaks("starts_afresh")
class StartsOnce(SigmoidHead):
    started = False

    def reset_parameters(self):
        if not self.started:
            super().reset_parameters()
        self.started = True


@breaks("trains_every_parameter")
class UnusedParameter(SigmoidHead):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.temperature = nn.Parameter(torch.ones(()))


# Loss -----------------------------------------------------------------------------------------------------------------


def with_loss(change: Callable[..., Any], base: type = SigmoidHead) -> type:
    """A head whose loss of logits is ``change(self, loss_from_logits, logits, target, mask)``."""

    def loss_from_logits(self, logits, target, mask=None):
        sound = super(head_class, self).loss_from_logits
        return change(self, sound, logits, target, mask)

    head_class = type("ChangedLoss", (base,), {"loss_from_logits": loss_from_logits})
    return head_class


def with_loss_of_features(change: Callable[[Any], Any]) -> type:
    """A head whose loss of features is changed."""

    class ChangedForward(SigmoidHead):
        def forward(self, features, target=None, mask=None):
            found = super().forward(features, target, mask)
            return found if target is None else change(found)

    return ChangedForward


breaks("loss_of_features_is_the_loss_of_their_logits")(with_loss_of_features(lambda loss: 2 * loss))
breaks("training_lowers_the_loss")(with_loss_of_features(lambda loss: 2 * loss.detach() - loss))  # climbs
breaks("compiled_loss_is_the_loss", "gradients_per_example_can_be_taken", "an_ensemble_is_its_members")(
    with_loss_of_features(lambda loss: loss if loss.item() < 1e6 else loss * 0)
)


@breaks("loss_goes_through_the_head")
class AroundTheHead(SigmoidHead):
    def loss(self, features, target, mask=None):
        return self.loss_from_logits(self.classifier(features), target, mask)


def summed(head, sound, logits, target, mask):
    return sound(logits, target, mask) * len(logits)


def by_place(head, sound, logits, target, mask):
    return sound(logits * torch.linspace(1, 2, len(logits)).unsqueeze(1), target, mask)


def by_class(head, sound, logits, target, mask):
    return sound(logits + 0.1 * torch.arange(CLASSES), target, mask)


def negative(head, sound, logits, target, mask):
    return -sound(logits, target, mask)


def other_slope(head, sound, logits, target, mask):
    return sound(logits, target, mask) + (logits - logits.detach()).sum()


def not_moved(head, sound, logits, target, mask):
    return sound(logits.reshape(-1, CLASSES), target.flatten(), mask)


def nan_slope(head, sound, logits, target, mask):
    return sound(logits, target, mask) + (logits * 0).sum().abs().sqrt()


breaks("loss_is_the_mean_over_its_parts")(with_loss(summed))
breaks("loss_has_no_order_of_examples")(with_loss(by_place))
breaks("loss_has_no_order_of_classes")(with_loss(by_class))
breaks("being_right_costs_less_than_being_wrong")(with_loss(negative))
breaks("gradient_is_that_of_finite_differences")(with_loss(other_slope))
breaks("loss_of_positions_is_the_loss_of_rows")(with_loss(not_moved, SoftmaxHead))
breaks("gradient_is_finite_on_the_grid")(with_loss(nan_slope))


@breaks("counts_what_is_known")
class CountsAll(SigmoidHead):
    def count(self, target, mask=None):
        return len(target)


@breaks("row_losses_add_up_to_the_loss")
class DoubleRows(SigmoidHead):
    def row_losses(self, logits, target, mask=None):
        values, weight = super().row_losses(logits, target, mask)
        return RowLosses(2 * values, weight)


@breaks("shards_have_the_gradient_of_the_whole")
class MeanOfShard(SigmoidHead):
    def row_losses(self, logits, target, mask=None):
        values, weight = super().row_losses(logits, target, mask)
        return RowLosses(values / len(values), weight)


@breaks("features_of_positions_are_classified_alike")
class LastAxis(SigmoidHead):
    def forward(self, features, target=None, mask=None):
        logits = super().forward(features, None)
        logits = logits.transpose(2, -1).reshape(logits.shape) if logits.ndim > 2 else logits
        return logits if target is None else self.loss_from_logits(logits, target, mask)


# Numbers --------------------------------------------------------------------------------------------------------------


@breaks("loss_is_finite_on_the_grid")
class LogOfProbability(SoftmaxHead):
    def row_losses(self, logits, target, mask=None):
        return RowLosses(-logits.softmax(dim=1).gather(1, target.unsqueeze(1)).log().squeeze(1), None)


@breaks("answers_are_finite_on_the_grid", "scores_do_not_saturate")
class LogitOfProbability(SoftmaxHead):
    def score_rows(self, logits):
        return logits.softmax(dim=1).logit()


@breaks("half_precision_is_answered_in_float32")
class StaysHalf(SigmoidHead):
    def calibrated(self, logits):
        return self.calibrator(rows(logits))


@breaks("autocast_does_not_round_the_answers")
class MatrixInTheLink(SigmoidHead):
    def probability_rows(self, logits):
        return (logits @ torch.eye(CLASSES, dtype=logits.dtype)).sigmoid()


@breaks("float64_stays_float64")
class AlwaysFloat32(SigmoidHead):
    def probability_rows(self, logits):
        return super().probability_rows(logits.float())


def cut_from_the_graph(head, sound, logits, target, mask):
    wide = logits.detach().float() + 0 * logits if logits.dtype.itemsize < 4 else logits
    return sound(wide, target, mask)


breaks("half_logits_have_half_gradients")(with_loss(cut_from_the_graph))


# Scores, probabilities, predictions -----------------------------------------------------------------------------------


def with_scores(change: Callable[..., Any], base: type = SigmoidHead) -> type:
    """A head whose scores of logits are ``change(scores)``."""

    def score_rows(self, logits):
        return change(super(head_class, self).score_rows(logits))

    head_class = type("ChangedScores", (base,), {"score_rows": score_rows})
    return head_class


def with_probabilities(change: Callable[..., Any], base: type = SigmoidHead) -> type:
    """A head whose probabilities of logits are ``change(logits, probabilities)``."""

    def probability_rows(self, logits):
        return change(logits, super(head_class, self).probability_rows(logits))

    head_class = type("ChangedProbabilities", (base,), {"probability_rows": probability_rows})
    return head_class


breaks("scores_are_the_log_odds_of_probabilities")(with_scores(lambda scores: 2 * scores))
breaks("scores_have_the_order_of_probabilities")(with_scores(lambda scores: -scores))
breaks("answers_do_not_depend_on_the_batch")(with_scores(lambda scores: scores - scores.mean(dim=0)))
breaks("answers_do_not_depend_on_the_order_of_classes")(
    with_scores(lambda scores: scores + 0.01 * torch.arange(CLASSES))
)
breaks("a_class_is_predicted_where_its_probability_reaches_the_threshold")(with_scores(lambda scores: scores - 0.5))
breaks("the_predicted_class_is_the_most_probable")(with_scores(lambda scores: -scores, SoftmaxHead))
breaks("an_empty_batch_has_empty_answers")(with_scores(lambda scores: scores - 0 * scores.max()))
breaks("answering_draws_no_random_numbers")(with_scores(lambda scores: scores + 1e-9 * torch.rand(())))
breaks("probabilities_lie_between_zero_and_one")(with_probabilities(lambda logits, p: 1.001 * p))
breaks("probabilities_sum_to_one")(with_probabilities(lambda logits, p: logits.sigmoid(), SoftmaxHead))
breaks("probability_rises_with_its_logit")(with_probabilities(lambda logits, p: 1 - p))
breaks("inputs_are_left_as_they_are")(with_probabilities(lambda logits, p: logits.clamp_(-1, 1).sigmoid()))
breaks("compiled_answers_are_the_answers")(
    with_probabilities(lambda logits, p: p if logits.max().item() < 9 else p.ceil())
)


@breaks("a_shift_of_a_row_changes_nothing")
class RawScores(SoftmaxHead):
    def score_rows(self, logits):
        return logits


@breaks("positions_are_answered_as_rows")
class WrongLayout(SigmoidHead):
    def probabilities(self, logits):
        return self.probability_rows(self.calibrated(logits)).reshape(logits.shape)


@breaks("calibration_reaches_every_answer")
class PassesTheCalibrator(SigmoidHead):
    def probabilities(self, logits):
        return unrows(self.probability_rows(rows(logits)), like=logits)


def with_predictions(change: Callable[..., Any], base: type = SigmoidHead) -> type:
    """A head whose predictions are ``change(self, predict, logits)``."""

    def predict(self, logits):
        return change(self, super(head_class, self).predict, logits)

    head_class = type("ChangedPredictions", (base,), {"predict": predict})
    return head_class


def last_of_equals(head, sound, logits):
    return CLASSES - 1 - head.scores(logits).flip(1).argmax(dim=1)


def decides_anyway(head, sound, logits):
    return sound(logits) if head.decision.fitted else head.scores(logits) >= 0


breaks("predictions_have_their_form")(with_predictions(lambda head, sound, logits: sound(logits).float()))
breaks("predictions_are_decisions_about_scores")(with_predictions(lambda head, sound, logits: sound(logits - 1)))
breaks("ties_go_to_the_lowest_class")(with_predictions(last_of_equals, SoftmaxHead))
breaks("a_score_equal_to_the_threshold_is_enough")(
    with_predictions(lambda head, sound, logits: head.scores(logits) > head.decision.cut)
)
breaks("refuses_to_decide_unfitted", label_type="multi")(with_predictions(decides_anyway, SoftmaxHead))


# Targets --------------------------------------------------------------------------------------------------------------


@breaks("masking_is_dropping")
class NoMask(SigmoidHead):
    def forward(self, features, target=None, mask=None):
        return super().forward(features, target)


def times_the_mask(head, sound, logits, target, mask):
    if mask is None:
        return sound(logits, target)
    entries = F.binary_cross_entropy_with_logits(logits, target.clamp(0, 1), reduction="none") * mask
    return entries.sum() / mask.any(dim=1).sum()


def whole_rows(head, sound, logits, target, mask):
    return sound(logits, target, None if mask is None else mask.any(dim=1, keepdim=True).expand(mask.shape))


def per_labelled_example(head, sound, logits, target, mask):
    return sound(logits, target, mask) * len(target) / target.any(dim=1).sum().clamp(min=1)


def first_alone(head, sound, logits, target, mask):
    return sound(logits, target.first if isinstance(target, MixedTarget) else target, mask)


def lists_from_one(head, sound, logits, target, mask):
    return sound(logits, target.multi_hot().roll(1, dims=1) if isinstance(target, LabelLists) else target, mask)


breaks("what_is_masked_may_be_anything")(with_loss(times_the_mask))
breaks("masked_entries_leave_the_sum_over_classes")(with_loss(whole_rows))
breaks("empty_label_sets_count")(with_loss(per_labelled_example))
breaks("mixed_targets_mix_losses")(with_loss(first_alone))
breaks("lists_are_label_sets")(with_loss(lists_from_one))


@breaks("nothing_known_is_zero")
class NothingByNothing(SigmoidHead):
    def forward(self, features, target=None, mask=None):
        found = super().forward(features, target, mask)
        known = torch.as_tensor(0.0 if target is None else self.count(target, mask))
        return found if target is None else found * known / known


@breaks("the_dtype_of_a_target_does_not_matter")
class NoCast(SigmoidHead):
    def criterion_target(self, values, dtype):
        return values


@breaks("nll_is_that_of_the_probabilities")
class InBits(SigmoidHead):
    def nll(self, logits, target, mask=None):
        return super().nll(logits, target, mask) / 0.6931


# State ----------------------------------------------------------------------------------------------------------------


@breaks("state_survives_torch_save")
class StateInAnAttribute(SigmoidHead):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.offset = torch.rand(CLASSES)

    def score_rows(self, logits):
        return logits + self.offset


@breaks("state_survives_safetensors")
class TwoNamesForOneTensor(SigmoidHead):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.register_buffer("prototypes", self.classifier.weight.detach())


@breaks("state_keeps_its_keys_and_shapes")
class LateBuffer(SigmoidHead):
    def forward(self, features, target=None, mask=None):
        self.register_buffer("shift", features.mean(dim=0).detach())
        return super().forward(features, target, mask)


@breaks("a_loaded_state_wins_over_the_prior")
class PriorWins(SigmoidHead):
    told = False

    def set_prior(self, prior):
        super().set_prior(prior)
        self.told = isinstance(prior, torch.Tensor)

    @property
    def awaits_prior(self):
        return self.prior == "data" and not self.told


@breaks("can_be_copied")
class NoCopy(SigmoidHead):
    def __deepcopy__(self, memo):
        return self


@breaks("can_be_pickled")
class HoldsALambda(SigmoidHead):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.activation = lambda logits: logits


@breaks("answering_changes_no_state")
class CountsAnswers(SigmoidHead):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.register_buffer("answered", torch.zeros(()))

    def score_rows(self, logits):
        self.answered += len(logits)
        return logits


@breaks("inputs_are_not_kept")
class Remembers(SigmoidHead):
    def scores(self, logits):
        self.last = logits
        return super().scores(logits)


@breaks("inference_mode_leaves_training_alone")
class CachesATensor(SigmoidHead):
    scale = None

    def forward(self, features, target=None, mask=None):
        if self.scale is None:
            self.scale = torch.ones(())
        logits = super().forward(features) * self.scale
        return logits if target is None else self.loss_from_logits(logits, target, mask)


# Transforms -----------------------------------------------------------------------------------------------------------


@breaks("exported_logits_are_the_logits")
class LooksAtFeatures(SigmoidHead):
    def forward(self, features, target=None, mask=None):
        if features.abs().max().item() > 1e6:
            raise ValueError("features are too large")
        return super().forward(features, target, mask)


@breaks("parameters_can_be_handed_in")
class KeepsAParameterAside(SigmoidHead):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.aside = [self.classifier.weight]

    def forward(self, features, target=None, mask=None):
        logits = F.linear(features, self.aside[0], self.classifier.bias)
        return logits if target is None else self.loss_from_logits(logits, target, mask)


@breaks("threads_do_not_meet")
class PassesByAttribute(SigmoidHead):
    def scores(self, logits):
        self.waiting = logits
        time.sleep(0.002)
        return super().scores(self.waiting)


# Refusals -------------------------------------------------------------------------------------------------------------


def keeps_quiet(*codes: str, base: type = SigmoidHead) -> type:
    """A head that answers 0 where an error with one of the codes belongs."""

    def loss_from_logits(self, logits, target, mask=None):
        try:
            return super(head_class, self).loss_from_logits(logits, target, mask)
        except TorchHeadsError as error:
            if error.code in codes:
                return torch.zeros(())
            raise

    head_class = type(f"KeepsQuiet_{'_'.join(codes)}", (base,), {"loss_from_logits": loss_from_logits})
    return head_class


for check_name, *silenced in (
    ("refuses_a_class_index_that_is_too_large", "T01"),
    ("refuses_a_negative_class_index", "T02"),
    ("refuses_whole_numbers_in_floating_point", "T03"),
    ("refuses_fractions_as_class_indices", "T04"),
    ("refuses_label_sets", "T05"),
    ("refuses_distributions", "T06", "T07"),
    ("refuses_distributions_that_do_not_sum_to_one", "T06"),
    ("refuses_a_square_of_numbers", "T05", "T06", "T07"),
    ("refuses_truth_values_as_class_indices", "T08"),
    ("refuses_class_indices_of_another_length", "T11"),
):
    breaks(check_name)(keeps_quiet(*silenced, base=SoftmaxHead))

for check_name, *silenced in (
    ("refuses_class_indices", "M01"),
    ("refuses_counts", "M03"),
    ("refuses_minus_one_for_unknown", "M04"),
    ("refuses_nan_in_targets", "M05"),
    ("refuses_label_sets_of_another_shape", "M06"),
    ("refuses_soft_labels", "M13"),
    ("refuses_python_lists", "M14"),
    ("refuses_a_mask_of_another_shape", "M06"),
    ("refuses_nan_logits", "L01"),
    ("refuses_an_infinite_loss", "L01", "L02"),
    ("refuses_logits_of_another_shape", "L04"),
):
    breaks(check_name)(keeps_quiet(*silenced))


@breaks("refuses_features_of_another_width")
class NoWidth(SigmoidHead):
    def forward(self, features, target=None, mask=None):
        return super().forward(features[:, : self.in_features], target, mask)
