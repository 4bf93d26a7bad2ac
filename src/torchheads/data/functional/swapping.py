"""Swapping rows between parts, two at a time, as long as the labels' shares come nearer to proportion.

n rows, c classes, p parts, m rows of a part that are looked at. All numbers are whole and below 2^53, so that float64
sums are exact in any order, and every machine makes the same swaps.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Final, final

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

POOL: Final = 4096
"""Rows of a part that are looked at, spread evenly over it, at most."""

CELLS: Final = 2**20
"""Entries of these rows, at most, where that leaves 256 rows."""

PAIRS: Final = 32
"""For so many rows of the one part the best partner is looked for; fewer where labels are many."""

STEPS: Final = 2000
WEIGHT: Final = 1024
BARRED: Final = 2.0**52


def even_out(labels: Bool[Tensor, "n c"], part: Int64[Tensor, "n"], wanted: Sequence[int]) -> Int64[Tensor, "n"]:
    """Parts of the same sizes in which labels are spread no worse, by

        sum over labels c and parts p of  (n_cp - n_c size_p / n)^2 / n_c

    which each swap lowers. No swap takes the last row of a label from the first part, nor from any part that of a
    label which has rows for all.

    Args:
        labels: multi-hot, shape (N, C), bool.
        part: part of each row, shape (N,), int64, 0..P-1; as many rows of each as wanted.
        wanted: number of rows of each part.

    Returns:
        The part of each row, shape (N,), int64.

    Example:
        >>> labels = torch.tensor([[1], [1], [0], [0]], dtype=torch.bool)
        >>> even_out(labels, torch.tensor([0, 0, 1, 1]), [2, 2]).tolist()
        [1, 0, 0, 1]
    """
    swaps, left = Swaps(labels, part, wanted), STEPS
    pairs, improved = list(combinations(range(len(wanted)), 2)), True
    while improved:
        improved = False
        for one, other in pairs:
            while left and swaps.swap(one, other):
                left, improved = left - 1, True
    return swaps.parts()


@final
class Swaps:
    """The rows that are looked at, what each part has too much of, and the best swap between two parts.

    Args:
        labels, part, wanted: as in `even_out`.
    """

    def __init__(self, labels: Bool[Tensor, "n c"], part: Int64[Tensor, "n"], wanted: Sequence[int]) -> None:
        counts = labels.sum(dim=0)
        weight = (WEIGHT / counts.clamp(min=1)).ceil().double()
        self._part = part.clone()
        self._unit = len(labels) * weight  # what one row of a label weighs
        self._held = torch.stack([labels[part == place].sum(dim=0) for place in range(len(wanted))]).double()
        self._excess = self._unit * self._held - weight * counts * torch.tensor(wanted).unsqueeze(1)
        self._guarded = torch.stack([counts >= (1 if place == 0 else len(wanted)) for place in range(len(wanted))])
        self._rows = [pool((part == place).nonzero()[:, 0], labels.shape[1]) for place in range(len(wanted))]
        self._sets = [labels[rows].double() for rows in self._rows]

    def swap(self, one: int, other: int) -> bool:
        """Make the best swap of a row of one part with a row of another; False where none is better than none."""
        if not (len(self._rows[one]) and len(self._rows[other])):
            return False
        pull = self._excess[other] - self._excess[one]
        cost = self._sets[one] @ (pull + self._unit + self._bars(one))
        tried = cost.argsort(stable=True)[: max(1, min(PAIRS, 4 * CELLS // max(self._sets[other].numel(), 1)))]
        back = (self._unit - pull + self._bars(other)) - 2 * self._unit * self._sets[one][tried]
        costs = cost[tried].unsqueeze(1) + back @ self._sets[other].T
        best = int(costs.argmin())
        place, partner = divmod(best, costs.shape[1])
        if not costs.flatten()[best] < 0:
            return False
        self._exchange(one, int(tried[place]), other, partner)
        return True

    def parts(self) -> Int64[Tensor, "n"]:
        """The part of each row after the swaps."""
        for place, rows in enumerate(self._rows):
            self._part[rows] = place
        return self._part

    def _bars(self, part: int) -> Float64[Tensor, "c"]:
        """What it costs to take a row of each label from a part: too much where it is a guarded label's last one."""
        return BARRED * (self._guarded[part] & (self._held[part] <= 1))

    def _exchange(self, one: int, place: int, other: int, partner: int) -> None:
        gained = self._sets[other][partner] - self._sets[one][place]
        for part, row, change in ((one, place, gained), (other, partner, -gained)):
            self._sets[part][row] += change
            self._held[part] += change
            self._excess[part] += self._unit * change
        moved = self._rows[one][place].clone()
        self._rows[one][place] = self._rows[other][partner]
        self._rows[other][partner] = moved


def pool(rows: Int64[Tensor, "n"], num_classes: int) -> Int64[Tensor, "m"]:
    """Some of the rows, evenly spread; all of them where they are few.

    Example:
        >>> len(pool(torch.arange(10**6), num_classes=20)), len(pool(torch.arange(10**6), num_classes=10**5))
        (4096, 256)
    """
    size = min(len(rows), POOL, max(256, CELLS // max(num_classes, 1)))
    return rows[torch.arange(size) * len(rows) // max(size, 1)]
