"""How often each class occurs in the training split: what priors and class weights are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from torchheads.data.functional.statistics import Counts, class_index_counts, label_set_counts
from torchheads.targets import densified, named, target_form

if TYPE_CHECKING:
    from torchheads.data.base import ClassificationData

COUNT: Final = {"single": class_index_counts, "multi": label_set_counts}
"""How the examples of each class are counted, by label type."""


def class_counts(data: ClassificationData) -> dict[str, Counts]:
    """For each class the training examples that hold it and those of which that is known; by task, one under "".

    What is masked, or marked by the data's ``ignore_index``, is not known.

    Example:
        >>> from torchheads.data import Digits
        >>> class_counts(Digits())[""].positive.sum()
        tensor(1149)
    """
    split, classes, counts = data.split("train"), named(data.num_classes), {}
    for task, label_type in named(data.label_type).items():
        form = target_form(label_type, classes[task], data.ignore_index, f"split 'train' of {data.name}")
        values, known = form.rows(*densified(named(split.target)[task], named(split.mask).get(task)))
        counts[task] = COUNT[label_type](values, known, classes[task])
    return counts
