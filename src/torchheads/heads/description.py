"""What ``print(head)`` says: the constructor, and whether the head is ready to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchheads.targets import ClassDistribution, SoftLabelSet

if TYPE_CHECKING:
    from torchheads.heads.base import ClassificationHead


def described(head: ClassificationHead) -> str:
    """Sizes, label type and prior, other options where they are not the default, and the fitted state.

    Example:
        >>> from torchheads import SigmoidHead
        >>> described(SigmoidHead(4, 3, ignore_index=-1))
        "in_features=4, num_classes=3, label_type='multi', prior=None, ignore_index=-1, ready to decide"
    """
    known = head.prior is None or isinstance(head.prior, str | int | float)
    shown = {
        "in_features": head.in_features,
        "num_classes": head.num_classes,
        "label_type": repr(head.label_type),
        "prior": repr(head.prior) if known else "...",
    }
    options = {
        "ignore_index": (head.form.ignore_index, None),
        "soft_targets": (isinstance(head.form, ClassDistribution | SoftLabelSet), False),
        "score": (head.score, "log_odds"),
        "path": (head.path, "auto"),
        "validate": (head.validate, True),
    }
    shown |= {name: repr(value) for name, (value, default) in options.items() if value != default}
    ready = "ready to decide" if head.fitted else "decision not fitted"
    return ", ".join([*(f"{name}={value}" for name, value in shown.items()), ready])
