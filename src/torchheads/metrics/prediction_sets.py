"""How good prediction sets are: whether they hold what is right, how large they are, and how much in them is wrong.

n examples, c classes. A target is a multi-hot, of one label a row on single-label data; ``known`` (n, c) is False where
it is not known whether the label is right, and None for everything.
"""

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

Known = Bool[Tensor, "n c"] | None


def coverage(sets: Bool[Tensor, "n c"], target: Bool[Tensor, "n c"], known: Known = None) -> Float64[Tensor, ""]:
    """Share of the rows whose set holds every label of the row, a scalar; NaN without rows.

    What `torchheads.guarantees.Coverage` promises; on label sets it is stricter than `false_negative_rate`.

    Example:
        >>> target = torch.tensor([[True, False], [False, True]])
        >>> coverage(torch.tensor([[True, True], [True, False]]), target)
        tensor(0.5000, dtype=torch.float64)
    """
    return (~(_labels(target, known) & ~sets)).all(dim=1).mean(dtype=torch.float64)


def class_coverage(sets: Bool[Tensor, "n c"], target: Bool[Tensor, "n c"], known: Known = None) -> Float64[Tensor, "c"]:
    """Of the rows that have a label: in how many it is in the set, shape (c,); NaN for a label that no row has.

    Example:
        >>> class_coverage(torch.tensor([[True, False], [False, True]]), torch.tensor([[True, False], [True, False]]))
        tensor([0.5000,    nan], dtype=torch.float64)
    """
    target = _labels(target, known)
    return (sets & target).sum(dim=0).double() / target.sum(dim=0)


def mean_size(sets: Bool[Tensor, "n c"]) -> Float64[Tensor, ""]:
    """Mean number of classes in a set, a scalar.

    Example:
        >>> mean_size(torch.tensor([[True, True], [True, False]]))
        tensor(1.5000, dtype=torch.float64)
    """
    return sets.sum(dim=1).mean(dtype=torch.float64)


def empty_share(sets: Bool[Tensor, "n c"]) -> Float64[Tensor, ""]:
    """Share of the sets that hold nothing, a scalar.

    Example:
        >>> empty_share(torch.tensor([[True, True], [False, False]]))
        tensor(0.5000, dtype=torch.float64)
    """
    return (~sets.any(dim=1)).mean(dtype=torch.float64)


def false_negative_rate(
    sets: Bool[Tensor, "n c"], target: Bool[Tensor, "n c"], known: Known = None
) -> Float64[Tensor, ""]:
    """Mean over the rows of the share of a row's labels that its set misses, a scalar; 0 for a row without labels.

    Example:
        >>> target = torch.tensor([[True, True], [False, False]])
        >>> false_negative_rate(torch.tensor([[True, False], [True, False]]), target)
        tensor(0.2500, dtype=torch.float64)
    """
    target = _labels(target, known)
    return ((target & ~sets).sum(dim=1).double() / target.sum(dim=1).clamp(min=1)).mean()


def set_precision(sets: Bool[Tensor, "n c"], target: Bool[Tensor, "n c"], known: Known = None) -> Float64[Tensor, ""]:
    """Mean over the rows of the share of a set that is right, a scalar; 1 for an empty set, which says nothing wrong.

    Example:
        >>> set_precision(torch.tensor([[True, True], [False, False]]), torch.tensor([[True, False], [True, False]]))
        tensor(0.7500, dtype=torch.float64)
    """
    sets = _labels(sets, known)
    return 1 - ((sets & ~target).sum(dim=1).double() / sets.sum(dim=1).clamp(min=1)).mean()


def class_precision(
    sets: Bool[Tensor, "n c"], target: Bool[Tensor, "n c"], known: Known = None
) -> Float64[Tensor, "c"]:
    """Of the rows whose set holds a label: for how many it is right, shape (c,); NaN for a label that no set holds.

    Example:
        >>> class_precision(torch.tensor([[True, False], [True, False]]), torch.tensor([[True, False], [False, False]]))
        tensor([0.5000,    nan], dtype=torch.float64)
    """
    sets = _labels(sets, known)
    return (sets & target).sum(dim=0).double() / sets.sum(dim=0)


def _labels(entries: Bool[Tensor, "n c"], known: Known) -> Bool[Tensor, "n c"]:
    """Those of the entries that are known."""
    return entries if known is None else entries & known
