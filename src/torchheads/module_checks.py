"""What the training module refuses or warns of: widths that differ, nothing to learn from, classes nobody has."""

from __future__ import annotations

from typing import Any

from torch import nn

from torchheads.backbones import Backbone
from torchheads.backbones.freezing import check_distributed
from torchheads.errors import DataError, HeadConfigError, warn
from torchheads.heads import ClassificationHead, MultiHead, named_heads
from torchheads.targets import densified, named, plain_target


def nothing_known(where: str) -> DataError:
    """The error, code T10, to raise when every target is ignored or masked, so that no mean over them exists.

    Example:
        >>> nothing_known("the val split").code
        'T10'
    """
    problem = f"every target of {where} is ignored or masked; allowed at least one that is known"
    return DataError("T10", problem, "head.ignore_index=null, or look at how its targets and masks are made")


def check_width(backbone: nn.Module, head: ClassificationHead | MultiHead) -> None:
    """Refuse a backbone whose features have another width than the head expects; code L03."""
    width = getattr(backbone, "out_features", head.in_features)
    if width != head.in_features:
        problem = f"{type(backbone).__name__} gives {width} features, {type(head).__name__} has in_features="
        remedy = f"in_features=backbone.out_features, which is {width}"
        raise HeadConfigError("L03", f"{problem}{head.in_features}; allowed {width}", remedy)


def check_freezing(backbone: nn.Module, wrapped: Any) -> None:
    """Refuse a backbone that is frozen until an epoch where DDP waits for every gradient; code H33."""
    if isinstance(backbone, Backbone):
        check_distributed(backbone.freezing, wrapped)


def explain_single_row(error: ValueError, rows: int) -> None:
    """Raise the error, code L08, that says what a batch of one example lacks, where that is what torch refused."""
    if "Expected more than 1 value per channel" in str(error):
        problem = f"a batch of {rows} in training, of which BatchNorm takes mean and deviation; allowed 2 or more"
        raise DataError(
            "L08", problem, "data.drop_last=true, or a data.batch_size that leaves no single row"
        ) from error


def look_for_absent_classes(head: ClassificationHead | MultiHead, target: Any) -> None:
    """Warn of the classes that no example of the target has, by name, for each head; code W02."""
    targets = named(target)
    for name, part in named_heads(head).items():
        if name not in targets:  # the loss will say so
            continue
        values, known = part.form.rows(*densified(plain_target(targets[name], part.form.owner), None))
        values = values[known] if known is not None and values.ndim == 1 else values
        present = values if values.ndim == 1 else (values > 0).any(dim=0).nonzero().flatten()
        absent = [part.class_names[label] for label in sorted(set(range(part.num_classes)) - set(present.tolist()))]
        if absent:
            shown = ", ".join(map(repr, absent[:5])) + (", ..." if len(absent) > 5 else "")
            whose = f" of {name}" if name else ""
            problem = (
                f"{len(absent)} of {part.num_classes} classes{whose} have no example in the training split: {shown}"
            )
            warn("W02", problem, "more training data, or a head without these classes")
