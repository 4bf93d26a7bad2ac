"""The parts a head is made of: whether they fit together, and their introduction to each other."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import torch
from torch import nn

from torchheads.calibration import Calibrator, Identity
from torchheads.decisions import DecisionRule
from torchheads.errors import FitError, HeadConfigError
from torchheads.fitting import CALIBRATE
from torchheads.guarantees import Guarantee
from torchheads.losses import Criterion

if TYPE_CHECKING:
    from torchheads.heads.base import ClassificationHead


def bind_parts(head: ClassificationHead) -> None:
    """Check the parts of a head and tell them its classes and its link.

    Raises:
        HeadConfigError: those of `check_parts` and of the parts.
    """
    check_parts(head)
    head.form.class_names = head.class_names
    head.criterion.bind(head.num_classes, head.link.name)
    head.calibrator.bind(head.num_classes, head.link)
    head.decision.take(head.num_classes, head.natural_decision[head.label_type])
    if head.guarantee is not None:
        head.guarantee.bind(head.num_classes)


def check_parts(head: ClassificationHead) -> None:
    """Refuse parts of a wrong kind, a criterion of the other link and a guarantee of the other label type.

    Raises:
        HeadConfigError: codes H24 (criterion and other parts), H03 (guarantee), H27 (ignore_index).
    """
    check_ignore_index(head.form.ignore_index)
    owner, criterion = type(head).__name__, head.criterion
    for part, kind, remedy in (
        (criterion, Criterion, f"{head.natural_criterion.__name__}()"),
        (head.calibrator, Calibrator, "None"),
        (head.decision, DecisionRule, "None"),
        (head.guarantee, Guarantee | None, "None"),
        (head.classifier, nn.Module, "None, or nn.Linear(in_features, num_classes)"),
    ):
        if not isinstance(part, kind):
            made = part.__name__ if isinstance(part, type) else repr(part)
            problem = f"{owner} got {made:.60}; allowed a {getattr(kind, '__name__', 'Guarantee')} object"
            raise HeadConfigError("H24", problem, remedy)
    if head.link.name not in criterion.links:
        problem = f"{owner} got {type(criterion).__name__}, which is a loss for {' and '.join(criterion.links)} heads"
        raise HeadConfigError("H24", problem, f"{head.natural_criterion.__name__}, or the other head")
    if head.guarantee is not None and head.guarantee.label_type != head.label_type:
        kind_of_data = f"{head.guarantee.label_type!r}, the data are {head.label_type!r}"
        problem = f"{type(head.guarantee).__name__} is a promise for label type {kind_of_data}"
        raise HeadConfigError("H03", problem, head.guarantee.suggestion)


def check_ignore_index(ignore_index: object) -> None:
    """Refuse what no target can hold as its mark for "unknown"; code H27."""
    whole = isinstance(ignore_index, Integral) and not isinstance(ignore_index, bool)
    if ignore_index is not None and not (whole and -(2**63) <= int(ignore_index) < 2**63):  # type: ignore[call-overload]
        problem = f"ignore_index={ignore_index!r:.60}; allowed a whole number of 64 bits or None"
        raise HeadConfigError("H27", problem, "ignore_index=-1 (head.ignore_index=-1)")


def all_fitted(head: ClassificationHead) -> bool:
    """Whether every part of a head that learns from held-out rows has done so."""
    return head.calibrator.fitted and head.decision.fitted and (head.guarantee is None or head.guarantee.fitted)


def learns(head: ClassificationHead) -> bool:
    """Whether a head has a part that learns from held-out rows, be it fitted already or not.

    Example:
        >>> from torchheads import FittedThreshold, SigmoidHead
        >>> learns(SigmoidHead(4, 2)), learns(SigmoidHead(4, 2, decision=FittedThreshold()))
        (False, True)
    """
    decides_as_told = type(head.decision).fit is DecisionRule.fit
    return not (isinstance(head.calibrator, Identity) and decides_as_told and head.guarantee is None)


def find_guarantee(head: ClassificationHead) -> Guarantee:
    """The head's guarantee, fitted.

    Raises:
        FitError: code F01.
    """
    if head.guarantee is None:
        problem = f"{type(head).__name__} was given no guarantee, so it has no prediction sets"
        raise FitError("F01", problem, "guarantee=Coverage(level=0.9) (guarantee=coverage)")
    if not torch.compiler.is_compiling() and not head.guarantee.fitted:
        problem = f"{type(head.guarantee).__name__} was not fitted yet, so there are no prediction sets"
        raise FitError("F01", problem, f"head.fit_held_out(logits, target) on held-out data, or {CALIBRATE}")
    return head.guarantee
