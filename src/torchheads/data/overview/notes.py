"""What to mind in the data of one task: labels that teach or measure nothing, sets that hardly differ, odd splits.

c classes.
"""

from collections.abc import Iterator, Mapping, Sequence

from torchheads.data.overview.advice import advise, percent
from torchheads.data.overview.label_counts import LabelCounts
from torchheads.targets import LabelType

NAMED = 5
"""Labels that a note names at most."""


def notes(splits: Mapping[str, LabelCounts], class_names: Sequence[str], label_type: LabelType) -> list[str]:
    """One sentence for each thing to mind.

    Args:
        splits: the figures of each split.
        class_names: names of the C classes.
        label_type: of the data.

    Example:
        >>> import torch
        >>> from torchheads.data.overview.label_counts import index_counts
        >>> from torchheads.targets import TargetRows
        >>> train = index_counts(TargetRows(torch.tensor([0, 1]), None), 3)
        >>> notes({"train": train}, ("cat", "dog", "cow"), "single")
        ["train has no row of 1 label of 3: nothing is learnt of 'cow'"]
    """
    return [
        *absent_labels(splits, class_names),
        *constant_labels(splits["train"], class_names),
        *alike_sets(splits, label_type),
        *other_splits(splits, label_type),
        *unknown_entries(splits, label_type),
    ]


def absent_labels(splits: Mapping[str, LabelCounts], class_names: Sequence[str]) -> Iterator[str]:
    """Labels without a row: nothing is learnt of them in train, and they have no metric elsewhere."""
    for name, counts in splits.items():
        if counts.absent:
            absent = in_words([class_names[label] for label in counts.absent])
            labels = "label" if len(counts.absent) == 1 else "labels"
            end = "nothing is learnt of" if name == "train" else "undefined there, left out of means:"
            yield f"{name} has no row of {len(counts.absent)} {labels} of {len(class_names)}: {end} {absent}"


def constant_labels(train: LabelCounts, class_names: Sequence[str]) -> Iterator[str]:
    """Labels that every training row has."""
    always = ((train.positive == train.known) & (train.known > 0)).nonzero().flatten().tolist()
    if always and len(class_names) > 1:
        yield f"every training row has {in_words([class_names[label] for label in always])}: nothing to tell apart"


def alike_sets(splits: Mapping[str, LabelCounts], label_type: LabelType) -> Iterator[str]:
    """Label sets that are the same on most rows, and rankings that are good by chance."""
    train, measured = splits["train"], splits.get("test", splits["train"])
    if label_type == "multi" and train.most_common_set > train.rows / 2:
        share, sets = percent(train.most_common_set, train.rows), f"{train.distinct_sets:,} sets"
        yield f"{share} of the training rows have the same label set, of {sets} in all"
    if label_type == "multi" and (chance := chance_precision(measured)) > 0.3:
        yield f"a ranking by chance reaches a mean average precision of {chance:.3f} on test: labels are frequent"
    if label_type == "single" and train.most_common_set > train.rows / 2:
        yield f"{percent(train.most_common_set, train.rows)} of the training rows have one class: accuracy begins there"


def chance_precision(counts: LabelCounts) -> float:
    """Mean average precision of a ranking by chance: the mean share of the labels that occur.

    Example:
        >>> import torch
        >>> from torchheads.data.overview.label_counts import set_counts
        >>> from torchheads.targets import TargetRows
        >>> chance_precision(set_counts(TargetRows(torch.tensor([[1, 0], [1, 0], [0, 0], [0, 0]]), None)))
        0.5
    """
    return float(counts.shares[counts.positive > 0].mean())


def other_splits(splits: Mapping[str, LabelCounts], label_type: LabelType) -> Iterator[str]:
    """Splits whose label sets ask for another head than those of train."""
    train = splits["train"]
    head = advise(train, label_type).head
    for name, counts in splits.items():
        if advise(counts, label_type).head != head:
            rows = f"{percent(counts.one, counts.rows)} of its rows have exactly one label"
            yield f"{name} is of another kind than train: {rows}, {percent(train.one, train.rows)} there"


def unknown_entries(splits: Mapping[str, LabelCounts], label_type: LabelType) -> Iterator[str]:
    """How much is unknown, and what is done with it."""
    unknown = sum(counts.unknown_entries for counts in splits.values())
    entries = sum(counts.rows * (len(counts.positive) if label_type == "multi" else 1) for counts in splits.values())
    what = ("label" if label_type == "multi" else "row") + "s" * (unknown > 1)
    are, them = ("are", "them") if unknown > 1 else ("is", "it")
    if unknown:
        yield f"{unknown:,} {what} ({percent(unknown, entries)}) {are} unknown: no loss and no metric counts {them}"


def in_words(names: Sequence[str]) -> str:
    """Names in quotes, the first few of many.

    Example:
        >>> in_words(["cat", "dog"]), in_words([str(number) for number in range(9)])
        ("'cat', 'dog'", "'0', '1', '2', '3', '4' and 4 more")
    """
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(repr, names[:NAMED])) + more
