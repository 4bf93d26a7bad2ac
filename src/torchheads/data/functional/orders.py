"""Which rows an epoch has, and in which order, where some rows are wanted more often than others.

n rows, m memberships: pairs of a class and a row that has it, k classes that have rows.
"""

from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from torchheads.data.functional.keyed import Stream, keyed_bits, keyed_order
from torchheads.targets import LabelLists

FACTOR_UNIT: Final = 2**20  # repeat factors are counted in whole units of 1 / FACTOR_UNIT, so that sums are exact


class Memberships(NamedTuple):
    """Which row has which class, in any order; a row of several classes has several entries."""

    row: Int64[Tensor, "m"]
    label: Int64[Tensor, "m"]


def memberships(target: Any, mask: Bool[Tensor, "..."] | None) -> Memberships:
    """The pairs of row and class that a target says; what is unknown says none.

    Args:
        target: class indices (n,), where a negative one is unknown, a multi-hot (n, c), or `LabelLists`.
        mask: what of it is known, of the target's shape, or (n,) for lists; None for all.

    Example:
        >>> memberships(torch.tensor([[0, 1], [0, 0], [1, 1]]), mask=None)
        Memberships(row=tensor([0, 2, 2]), label=tensor([1, 0, 1]))
    """
    if isinstance(target, LabelLists):
        row, label = target.example, target.indices
        kept = slice(None) if mask is None else mask[row] if mask.ndim == 1 else mask[row, label]
        return Memberships(row[kept], label[kept])
    if target.ndim == 1:
        row = (target >= 0 if mask is None else (target >= 0) & mask).nonzero()[:, 0]
        return Memberships(row, target[row].long())
    row, label = (target == 1 if mask is None else (target == 1) & mask).nonzero().unbind(1)
    return Memberships(row, label)


def with_unlabelled(given: Memberships, num_rows: int) -> Memberships:
    """The memberships, and rows without any class as members of one class more.

    Example:
        >>> with_unlabelled(Memberships(torch.tensor([1]), torch.tensor([4])), num_rows=3)
        Memberships(row=tensor([1, 0, 2]), label=tensor([4, 5, 5]))
    """
    rest = (given.row.bincount(minlength=num_rows) == 0).nonzero()[:, 0]
    other = 1 + (int(given.label.max()) if len(given.label) else -1)
    return Memberships(torch.cat([given.row, rest]), torch.cat([given.label, torch.full_like(rest, other)]))


def class_aware_order(given: Memberships, num_rows: int, seed: int, epoch: int) -> Int64[Tensor, "n"]:
    """Rows by turns of their classes: in each round every class that has rows once, in keyed order.

    A class goes through its rows in keyed order and begins again at their end: within an epoch two rows of one class
    are drawn equally often, or one of them once more.

    Args:
        given: at least one membership; a class of many rows shows a part of them in an epoch.
        num_rows: length n of the order.
        seed: seed of the run.
        epoch: epoch of the run.

    Returns:
        Row ids, shape (n,), int64, with repetitions.

    Example:
        >>> given = Memberships(row=torch.arange(6), label=torch.tensor([0, 0, 0, 0, 0, 1]))
        >>> int((class_aware_order(given, 6, seed=0, epoch=0) == 5).sum())  # row 5 is all that class 1 has
        3

    Source: Shen, Lin, Huang (2016), "Relay Backpropagation for Effective Learning of Deep Convolutional Neural
        Networks", arXiv:1512.05830, section 4.2.
    """
    place, sizes = torch.unique(given.label, return_inverse=True, return_counts=True)[1:]
    starts, rounds = sizes.cumsum(0) - sizes, -(-num_rows // len(sizes))
    shuffled = keyed_bits(seed, epoch, Stream.CLASS_ROW, torch.arange(len(place))).argsort()
    by_class = given.row[shuffled[place[shuffled].argsort(stable=True)]]
    bits = keyed_bits(seed, epoch, Stream.CLASS_TURN, torch.arange(rounds * len(sizes)))
    turn = bits.view(rounds, -1).argsort(dim=1)
    draw = starts[turn] + torch.arange(rounds).unsqueeze(1) % sizes[turn]
    return by_class[draw.flatten()[:num_rows]]


def repeat_factors(
    given: Memberships, known: Int64[Tensor, "c"], num_rows: int, threshold: float
) -> Float64[Tensor, "n"]:
    """How often each row is wanted, relative to a row of frequent classes alone.

        r_i = max(1, max over the classes c of row i of sqrt(t / f_c)),    f_c = rows with c / rows that know about c

    Args:
        given: who has which class.
        known: of how many rows it is known whether they have each class, shape (C,), int64.
        num_rows: number of rows n.
        threshold: t in (0, 1], the share of rows below which a class is rare.

    Returns:
        Shape (n,), float64, >= 1.

    Example:
        >>> given = Memberships(row=torch.arange(4), label=torch.tensor([0, 0, 0, 1]))
        >>> repeat_factors(given, torch.tensor([16, 16]), num_rows=16, threshold=0.25)[:5].tolist()
        [1.1547005383792515, 1.1547005383792515, 1.1547005383792515, 2.0, 1.0]

    Source: Gupta, Dollar, Girshick (2019), "LVIS: A Dataset for Large Vocabulary Instance Segmentation",
        arXiv:1908.03195, appendix B.
    """
    counts = given.label.bincount(minlength=len(known))
    by_class = (threshold * known.double() / counts.clamp(min=1)).sqrt()
    ones = torch.ones(num_rows, dtype=torch.float64)
    return ones.scatter_reduce(0, given.row, by_class[given.label], reduce="amax")


def repeated_order(factors: Float64[Tensor, "n"], seed: int, epoch: int) -> Int64[Tensor, "n"]:
    """As many draws as there are rows, each row in proportion to its factor: n r_i / sum r, rounded down or up.

    The rounding is by systematic sampling along a keyed order with a keyed start, so that the expected number of draws
    is exact and so is the length; the draws are then put into another keyed order.

    Args:
        factors: shape (n,), float64, above 0 and below 2^20; their sum below 2^40.
        seed: seed of the run.
        epoch: epoch of the run.

    Returns:
        Row ids, shape (n,), int64, with repetitions and gaps.

    Example:
        >>> repeated_order(torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64), seed=0, epoch=1).bincount().tolist()
        [0, 1, 2]
    """
    num_rows, walk = len(factors), keyed_order(len(factors), seed, epoch)
    ends = (factors[walk] * FACTOR_UNIT).round().long().cumsum(0)
    total, step = int(ends[-1]), torch.arange(num_rows)
    start = int(keyed_bits(seed, epoch, Stream.REPEAT, torch.tensor(num_rows))) % total
    whole, part = divmod(total, num_rows)  # step * total would overflow
    ticks = step * whole + (step * part + start) // num_rows
    drawn = walk[torch.searchsorted(ends, ticks, right=True)]
    return drawn[keyed_bits(seed, epoch, Stream.REPEAT, step).argsort()]


def copies(order: Int64[Tensor, "n"]) -> Int64[Tensor, "n"]:
    """How often the row of each place stood before it in the order: 0 everywhere where every row comes once.

    Example:
        >>> copies(torch.tensor([4, 2, 4, 4, 2])).tolist()
        [0, 0, 1, 2, 1]
    """
    sorted_rows, place = order.sort(stable=True)
    first = torch.searchsorted(sorted_rows, sorted_rows)
    return torch.empty_like(order).scatter_(0, place, torch.arange(len(order)) - first)
