"""Checks that wrong targets and logits are refused, with a code, the value that is wrong and what to type.

n examples, c classes, d features.
"""

import torch
from torch import Tensor

from torchheads.errors import DataError, HeadConfigError, LogitsError, NonFiniteError, TargetError, TorchHeadsError
from torchheads.targets import ClassIndex, LabelSet
from torchheads.testing.base import HeadCase, check, multi, several_classes, single
from torchheads.testing.functional import on_error, require, require_refusal

FORM = "read targets through ClassificationHead.loss_from_logits, whose target form looks first"


def refuse(
    case: HeadCase, target: object, *codes: str, kind: type[TorchHeadsError] = TargetError, mask: Tensor | None = None
) -> None:
    """Fail where a target for six examples is not refused with one of the codes."""
    head, logits = case.head(validate=True), case.logits()
    require_refusal(lambda: head.loss_from_logits(logits, target, mask), kind, codes, FORM)  # type: ignore[arg-type]


def hard_indices(case: HeadCase) -> bool:
    """For heads whose target is one class index, and no distribution."""
    return isinstance(case.sample.form, ClassIndex)


def with_value(case: HeadCase, value: float) -> Tensor:
    """A sound target, its last entry (its last label) replaced by a wrong value."""
    target = case.target()
    target[(-1,) * target.ndim] = value
    return target


# Class indices --------------------------------------------------------------------------------------------------------


@check(single)
def refuses_a_class_index_that_is_too_large(case: HeadCase) -> None:
    """A class index of C or more is a TargetError with code T01."""
    refuse(case, with_value(case, case.num_classes), "T01")


@check(single)
def refuses_a_negative_class_index(case: HeadCase) -> None:
    """A negative class index that is not ``ignore_index`` is a TargetError with code T02; torch's -100 too."""
    for value in {-1, -100} - {case.sample.form.ignore_index}:
        refuse(case, with_value(case, value), "T02")


@check(single)
def refuses_whole_numbers_in_floating_point(case: HeadCase) -> None:
    """Class indices in floating point are a TargetError with code T03."""
    refuse(case, case.target().float(), "T03")


@check(single)
def refuses_fractions_as_class_indices(case: HeadCase) -> None:
    """Class indices such as 1.5 are a TargetError with code T04."""
    refuse(case, case.target() + 0.5, "T04")


@check(hard_indices)
def refuses_label_sets(case: HeadCase) -> None:
    """A multi-hot for single-label data is a TargetError with code T05 that names the way out."""
    refuse(case, torch.ones(6, case.num_classes, dtype=torch.int64), "T05")


@check(hard_indices)
def refuses_distributions(case: HeadCase) -> None:
    """Class probabilities, unless ``soft_targets=True``, are a TargetError with code T06 or T07."""
    refuse(case, torch.full((6, case.num_classes), 1 / case.num_classes), "T06", "T07")


@check(single)
def refuses_distributions_that_do_not_sum_to_one(case: HeadCase) -> None:
    """With ``soft_targets=True`` a row that does not sum to 1 is a TargetError with code T06."""
    head, logits, target = case.head(soft_targets=True), case.logits(), torch.full((6, case.num_classes), 0.9)
    require_refusal(lambda: head.loss_from_logits(logits, target), TargetError, "T06", FORM)


@check(hard_indices)
def refuses_a_square_of_numbers(case: HeadCase) -> None:
    """A batch of C examples with probabilities of shape (C, C) is still a TargetError (codes T05 to T07)."""
    head, logits = case.head(), case.logits(case.num_classes)
    target = torch.eye(case.num_classes) * 0.9 + 0.1 / case.num_classes
    require_refusal(lambda: head.loss_from_logits(logits, target), TargetError, ("T05", "T06", "T07"), FORM)


@check(single)
def refuses_truth_values_as_class_indices(case: HeadCase) -> None:
    """A bool target for single-label data is a TargetError with code T08."""
    refuse(case, case.target() > 0, "T08")


@check(single)
def refuses_class_indices_of_another_length(case: HeadCase) -> None:
    """Five targets for six logits are a TargetError with code T11, before torch says so in its own words."""
    refuse(case, case.target()[:5], "T11")


# Label sets -----------------------------------------------------------------------------------------------------------


@check(lambda case: multi(case) and several_classes(case))
def refuses_class_indices(case: HeadCase) -> None:
    """Class indices for multi-label data are a TargetError with code M01 that names the way out."""
    refuse(case, torch.arange(6) % case.num_classes, "M01")


@check(multi)
def refuses_counts(case: HeadCase) -> None:
    """Entries other than 0 and 1, such as 2, are a TargetError with code M03."""
    refuse(case, with_value(case, 2), "M03")


@check(lambda case: multi(case) and case.sample.form.ignore_index != -1)
def refuses_minus_one_for_unknown(case: HeadCase) -> None:
    """Entries of -1, unless it is ``ignore_index``, are a TargetError with code M04."""
    refuse(case, with_value(case, -1), "M04")


@check(multi)
def refuses_nan_in_targets(case: HeadCase) -> None:
    """NaN in a target is a TargetError with code M05."""
    refuse(case, with_value(case, float("nan")), "M05")


@check(multi)
def refuses_label_sets_of_another_shape(case: HeadCase) -> None:
    """A multi-hot of another number of classes or examples is a TargetError with code M06: nothing is broadcast."""
    refuse(case, case.target()[:1], "M06")
    refuse(case, torch.ones(6, case.num_classes + 1), "M06")
    if case.num_classes > 1:
        refuse(case, case.target()[:, :1], "M06")


@check(lambda case: isinstance(case.sample.form, LabelSet))
def refuses_soft_labels(case: HeadCase) -> None:
    """Entries between 0 and 1, unless ``soft_targets=True``, are a TargetError with code M13."""
    refuse(case, with_value(case, 0.5), "M13")


# Anything -------------------------------------------------------------------------------------------------------------


@check()
def refuses_python_lists(case: HeadCase) -> None:
    """A target that is no tensor, such as a list of lists, is a DataError with code M14."""
    refuse(case, case.target().tolist(), "M14", kind=DataError)


@check()
def refuses_a_mask_of_another_shape(case: HeadCase) -> None:
    """A mask that is not bool of the target's shape is a TargetError with code M06."""
    target = case.target()
    refuse(case, target, "M06", mask=torch.ones(5, dtype=torch.bool))
    refuse(case, target, "M06", mask=torch.ones(target.shape))


@check()
def refuses_nan_logits(case: HeadCase) -> None:
    """NaN logits are a NonFiniteError with code L01 when a loss is asked for."""
    head, logits, target = case.head(validate=True), case.logits(), case.target()
    logits[2, 0] = float("nan")
    remedy = "leave the look at the loss to ClassificationHead"
    require_refusal(lambda: head.loss_from_logits(logits, target), NonFiniteError, "L01", remedy)


@check()
def refuses_an_infinite_loss(case: HeadCase) -> None:
    """Logits of plus infinity are a NonFiniteError (codes L01, L02) when a loss is asked for."""
    head, logits, target = case.head(validate=True), case.logits(), case.target()
    logits[2] = float("inf")
    remedy = "leave the look at the loss to ClassificationHead"
    require_refusal(lambda: head.loss_from_logits(logits, target), NonFiniteError, ("L01", "L02"), remedy)


@check()
def refuses_features_of_another_width(case: HeadCase) -> None:
    """Features that have not ``in_features`` entries are a HeadConfigError with code L03."""
    head, width = case.head(), case.sample.in_features
    remedy = "call torchheads.shapes.classify in forward"
    require_refusal(lambda: head(torch.zeros(6, width + 1)), HeadConfigError, "L03", remedy)


@check()
def refuses_logits_of_another_shape(case: HeadCase) -> None:
    """Logits that are not (N, C, *spatial) in floating point are a LogitsError with code L04, for loss and answers."""
    head, target, remedy = case.head(), case.target(), "begin with self.calibrated(logits)"
    whole = torch.zeros(6, case.num_classes, dtype=torch.int64)
    for logits in (torch.zeros(6), torch.zeros(6, case.num_classes + 1), whole):
        for ask in (head.scores, head.probabilities, head.predict, lambda z: head.loss_from_logits(z, target)):
            require_refusal(lambda ask=ask, logits=logits: ask(logits), LogitsError, "L04", remedy)  # type: ignore[misc]


@check()
def looks_at_nothing_without_validation(case: HeadCase) -> None:
    """With ``validate=False`` NaN logits give a NaN loss and no error: nothing waits for a value."""
    head, logits = case.head(validate=False), case.logits()
    logits[2, 0] = float("nan")
    remedy = "hand validate to ClassificationHead.__init__, and look at values only where it is True"
    with on_error(remedy):
        loss = head.loss_from_logits(logits, case.target())
    require(bool(loss.isnan()), f"a loss of {loss.item()}", remedy)
