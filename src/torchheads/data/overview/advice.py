"""Which head fits the data, and why: from how many labels the training rows have, and from nothing held out.

c classes.
"""

from typing import Literal, NamedTuple

from torchheads.data.overview.label_counts import LabelCounts
from torchheads.targets import LabelType


class Advice(NamedTuple):
    """The head that fits, by its option's name, and the reason in one sentence with its figures."""

    head: Literal["softmax", "sigmoid"]
    reason: str


def advise(train: LabelCounts, label_type: LabelType) -> Advice:
    """The head for the data of one task.

    Softmax where every row has exactly one label, whatever the label type says; sigmoid where any has several or none.

    Args:
        train: the figures of the training rows.
        label_type: of the data.

    Example:
        >>> import torch
        >>> from torchheads.data.overview.label_counts import set_counts
        >>> from torchheads.targets import TargetRows
        >>> advise(set_counts(TargetRows(torch.tensor([[1, 1], [0, 1], [1, 0], [0, 0]]), None)), "multi").reason
        'of 4 training rows 1 (25 %) has several labels and 1 (25 %) has none, which sigmoid can say and softmax cannot'
    """
    if len(train.positive) == 1:
        return Advice("sigmoid", "there is one class, which a row has or has not; softmax needs two to choose from")
    if train.several or train.none:
        return Advice("sigmoid", sets_in_words(train))
    if not train.one:
        return Advice(
            "sigmoid", f"of none of {train.rows:,} training rows all labels are known, so it may be any number"
        )
    rows = f"every one of {train.rows:,} training rows"
    if train.unsure:
        rows = f"every one of {train.one:,} training rows whose labels are all known"
    if label_type == "single":
        return Advice("softmax", f"{rows} has exactly one label")
    return Advice("softmax", f"{rows} has exactly one label, although the data allow any set (label type multi)")


def sets_in_words(train: LabelCounts) -> str:
    """How many rows have several labels and how many none, and what follows."""
    several = f"{part(train.several, train.rows)} several labels"
    none = f"{part(train.none, train.rows)} none"
    if not train.several:
        return (
            f"of {train.rows:,} training rows none has several labels, but {none}: softmax would need a class of its "
            "own for them, and would then fit"
        )
    if not train.none:
        return f"of {train.rows:,} training rows {several}, which sigmoid can say and softmax cannot"
    return f"of {train.rows:,} training rows {several} and {none}, which sigmoid can say and softmax cannot"


def part(count: int, total: int) -> str:
    """A number of rows and its share, with its verb.

    Example:
        >>> part(1, 448), part(150, 448)
        ('1 (0.2 %) has', '150 (33 %) have')
    """
    return f"{count:,} ({percent(count, total)}) {'has' if count == 1 else 'have'}"


def percent(count: int, total: int) -> str:
    """A share in percent; never 0 % of something, nor 100 % of less than all.

    Example:
        >>> percent(0, 8), percent(3, 8), percent(1, 9999), percent(9999, 10000), percent(8, 8)
        ('0 %', '38 %', 'below 0.1 %', 'above 99.9 %', '100 %')
    """
    share = 100 * count / max(total, 1)
    if count and share < 0.1:
        return "below 0.1 %"
    if count < total and share > 99.9:
        return "above 99.9 %"
    return f"{share:.0f} %" if share == round(share) or 10 <= share < 99 else f"{share:.1f} %"
