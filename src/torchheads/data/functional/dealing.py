"""Dealing rows with label sets to parts, one label after the other from the rarest on, all its rows at once.

n rows, k rows of one label, c classes, p parts.
"""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from torchheads.data.functional.keyed import Stream, keyed_bits


@final
class Deal:
    """Which part each row goes to; parts are exactly as large as wanted.

    At each turn the label with the fewest rows left is taken. Its rows are shared out so that each part comes as near
    as can be to ``n_c size / n`` of them, those it got with rarer labels included, and lie along the order of the rows
    like the marks of a ruler: neighbours, which have similar sets, go to different parts in proportion.

    Args:
        labels: multi-hot, shape (N, C), bool, similar rows next to each other.
        wanted: number of rows of each part, N in all; the first part is the one to train on.
        split_seed: where along the rows each sharing begins.

    Example:
        >>> labels = torch.tensor([[1, 1, 1, 0, 0, 0]], dtype=torch.bool).T
        >>> part = Deal(labels, [4, 2], split_seed=0).parts()
        >>> part[:3].bincount().tolist(), part[3:].bincount().tolist()
        ([2, 1], [2, 1])
    """

    def __init__(self, labels: Bool[Tensor, "n c"], wanted: Sequence[int], split_seed: int) -> None:
        self._labels = labels
        self._columns = labels.T.contiguous()
        self._counts = labels.sum(dim=0)
        self._left = self._counts.clone()  # rows of each label that are not dealt yet
        self._held = torch.zeros(len(wanted), labels.shape[1], dtype=torch.int64)  # rows of each label in each part
        self._free = torch.ones(len(labels), dtype=torch.bool)
        self._part = torch.zeros(len(labels), dtype=torch.int64)
        self._wanted = torch.tensor(wanted)
        self._room = list(wanted)
        self._seed = split_seed

    def parts(self) -> Int64[Tensor, "n"]:
        """The part of each row, 0..P-1, shape (N,), int64."""
        while bool(self._left.any()):
            label = int(self._left.where(self._left > 0, len(self._part) + 1).argmin())
            rows = (self._columns[label] & self._free).nonzero()[:, 0]
            self._deal(rows, self._quota(label, rows), turn=label)
        self._deal(self._free.nonzero()[:, 0], list(self._room), turn=len(self._left))  # the empty sets
        return self._part

    def _quota(self, label: int, rows: Int64[Tensor, "k"]) -> list[int]:
        """How many of a label's last rows each part gets."""
        need = self._counts[label] * self._wanted - len(self._part) * self._held[:, label]
        return apportion(len(rows), need.tolist(), len(self._part), self._least(rows), self._room)

    def _least(self, rows: Int64[Tensor, "k"]) -> list[int]:
        """1 for a part in which a label would be missing: any in the first, elsewhere those with rows for every part.

        Looked at are the labels that have no other rows left; other ones have their turn yet. A small part would be
        filled with rare labels alone, so those have a right to no more than half of it.
        """
        last = (self._labels[rows].sum(dim=0) == self._left) & (self._left > 0)
        roomy = 2 * torch.tensor(self._room) > self._wanted
        missing = (self._held == 0) & last & (self._counts >= len(self._room)) & roomy.unsqueeze(1)
        missing[0] = (self._held[0] == 0) & last
        return missing.any(dim=1).long().tolist()

    def _deal(self, rows: Int64[Tensor, "k"], quota: list[int], turn: int) -> None:
        first = int(keyed_bits(self._seed, 0, Stream.SPLIT_TURN, torch.tensor(turn))) % max(len(rows), 1)
        part = spread(quota).roll(first)
        self._part[rows] = part
        self._free[rows] = False
        for place, count in enumerate(quota):
            given = self._labels[rows[part == place]].sum(dim=0)
            self._held[place] += given
            self._left -= given
            self._room[place] -= count


def apportion(total: int, need: Sequence[int], unit: int, least: Sequence[int], most: Sequence[int]) -> list[int]:
    """Whole numbers that sum to ``total``, each as near as its bounds allow to ``need / unit``, in least squares.

    Where the needs sum to ``total`` and no bound matters, this is the method of largest remainders.

    Args:
        total: at most the sum of ``most``.
        need: in units; may be negative.
        unit: what 1 is, >= 1.
        least: lower bounds; of those that do not fit into ``total`` together the first ones count.
        most: upper bounds; they win over lower ones.

    Example:
        >>> apportion(5, need=[32, 9, 9], unit=10, least=[0, 0, 0], most=[9, 9, 9])
        [3, 1, 1]
        >>> apportion(2, need=[16, 2, 2], unit=10, least=[1, 1, 1], most=[9, 9, 9])
        [1, 1, 0]
    """
    low: list[int] = []
    for lower, upper in zip(least, most, strict=True):
        low.append(min(lower, upper, total - sum(low)))

    def shares(shift: int) -> list[int]:
        return [
            min(max((part + shift) // unit, lower), upper) for part, lower, upper in zip(need, low, most, strict=True)
        ]

    under, over = -max(need) - unit, unit * (total + 1) - min(need)  # of the shift that gives the right sum
    while over - under > 1:
        middle = (under + over) // 2
        under, over = (middle, over) if sum(shares(middle)) <= total else (under, middle)
    result = shares(under)
    for place, share in enumerate(shares(over)):  # equal remainders: the first ones get the rest
        result[place] += min(share - result[place], total - sum(result))
    return result


def spread(quota: Sequence[int]) -> Int64[Tensor, "k"]:
    """Each part as often as its quota says, at even distances.

    Example:
        >>> spread([4, 2]).tolist()
        [0, 1, 0, 0, 1, 0]
    """
    counts = torch.tensor(quota)
    part = torch.repeat_interleave(torch.arange(len(quota)), counts)
    within = torch.arange(len(part)) - (counts.cumsum(0) - counts)[part]
    return part[((2 * within + 1).double() / (2 * counts[part])).argsort(stable=True)]
