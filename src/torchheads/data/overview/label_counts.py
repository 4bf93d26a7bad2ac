"""What the labels of a split look like: how many a row has, how often each class occurs, how many sets there are.

n rows, c classes.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int64, Shaped
from torch import Tensor

from torchheads.data.functional.digests import row_digests
from torchheads.targets import TargetRows


class LabelCounts(NamedTuple):
    """Figures of the labels of a split.

    Args:
        rows: number of rows N.
        positive: rows known to have each class, shape (c,), int64.
        known: rows of which it is known whether they have it, shape (c,), int64.
        none: rows known to have no label.
        one: rows known to have one label and no other.
        several: rows known to have two labels or more.
        unknown_entries: labels of which nothing is known: entries of a multi-hot, or rows of class indices.
        distinct_sets: how many label sets there are among the rows that are known whole.
        most_common_set: how many of them have the most frequent set.
    """

    rows: int
    positive: Int64[Tensor, "c"]
    known: Int64[Tensor, "c"]
    none: int
    one: int
    several: int
    unknown_entries: int
    distinct_sets: int
    most_common_set: int

    @property
    def unsure(self) -> int:
        """Rows of which what is unknown decides whether they have one label, several or none."""
        return self.rows - self.none - self.one - self.several

    @property
    def cardinality(self) -> float:
        """Mean number of labels a row; where some are unknown, the sum of the classes' shares of what is known."""
        if bool((self.known == self.rows).all()):
            return int(self.positive.sum()) / max(self.rows, 1)
        return float(self.shares.nansum())

    @property
    def density(self) -> float:
        """The cardinality divided by the number of classes: the mean share of rows that a class has."""
        return self.cardinality / len(self.positive)

    @property
    def shares(self) -> Shaped[Tensor, "c"]:
        """Share of the known rows that have each class, shape (c,), float64; NaN for a class of which none is known."""
        return self.positive.double() / self.known

    @property
    def imbalance(self) -> float:
        """How many times as many rows the most frequent class has as the rarest that occurs; NaN where none does."""
        present = self.positive[self.positive > 0]
        return int(present.max()) / int(present.min()) if len(present) else float("nan")

    @property
    def absent(self) -> list[int]:
        """Classes without a row."""
        return (self.positive == 0).nonzero().flatten().tolist()


def index_counts(target: TargetRows, num_classes: int) -> LabelCounts:
    """The figures of class indices (n,).

    Example:
        >>> counts = index_counts(TargetRows(torch.tensor([0, 2, 2]), None), num_classes=3)
        >>> counts.positive.tolist(), counts.one, counts.distinct_sets, counts.most_common_set, counts.imbalance
        ([1, 0, 2], 3, 2, 2, 2.0)
    """
    values = target.values if target.known is None else target.values[target.known]
    positive = values.bincount(minlength=num_classes)
    known = torch.full_like(positive, len(values))
    unknown = len(target.values) - len(values)
    sets, most = int((positive > 0).sum()), int(positive.max())
    return LabelCounts(len(target.values), positive, known, 0, len(values), 0, unknown, sets, most)


def set_counts(target: TargetRows) -> LabelCounts:
    """The figures of a multi-hot (n, c).

    Example:
        >>> counts = set_counts(TargetRows(torch.tensor([[1, 1], [1, 1], [0, 0], [0, 1]]), None))
        >>> counts.none, counts.one, counts.several, counts.distinct_sets, counts.cardinality, counts.density
        (1, 1, 2, 3, 1.25, 0.625)
    """
    held = target.values != 0  # unknown entries are 0
    known = torch.ones_like(held) if target.known is None else target.known
    labels, whole = held.sum(dim=1), known.all(dim=1)
    sets = distinct(held[whole])
    return LabelCounts(
        rows=len(held),
        positive=held.sum(dim=0),
        known=known.sum(dim=0),
        none=int(((labels == 0) & whole).sum()),
        one=int(((labels == 1) & whole).sum()),
        several=int((labels > 1).sum()),
        unknown_entries=int((~known).sum()),
        distinct_sets=len(sets),
        most_common_set=int(sets.max()) if len(sets) else 0,
    )


def distinct(sets: Bool[Tensor, "n c"]) -> Shaped[np.ndarray, "s"]:
    """How many rows have each set that occurs.

    Example:
        >>> sorted(distinct(torch.tensor([[True], [False], [True]])).tolist())
        [1, 2]
    """
    packed = torch.from_numpy(np.packbits(sets.numpy(), axis=1))
    return np.unique(row_digests(packed), return_counts=True)[1]
