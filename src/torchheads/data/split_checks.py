"""Every target of a split looked at once, so that no step on a device has to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchheads.data.batch import Split
from torchheads.targets import named, target_form

if TYPE_CHECKING:
    from torchheads.data.base import ClassificationData


def check_split(data: ClassificationData, name: str, split: Split) -> None:
    """Refuse a target out of range, naming data set, split, task and row.

    Raises:
        TargetError: as the form of the targets says.
    """
    for task, label_type in named(data.label_type).items():
        owner = f"split {name!r} of {data.name}" + (f", {task}" if task else "")
        form = target_form(label_type, named(data.num_classes)[task], data.ignore_index, owner)
        form.class_names = named(data.class_names)[task]
        form.check_values(named(split.target)[task])
