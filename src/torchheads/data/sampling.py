"""Which rows an epoch trains on: every row once, or rare classes more often, always as many rows as the split has.

n rows, c classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, final

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from torchheads.data.functional.keyed import keyed_order
from torchheads.data.functional.orders import (
    class_aware_order,
    memberships,
    repeat_factors,
    repeated_order,
    with_unlabelled,
)
from torchheads.errors import DataError
from torchheads.targets import LabelLists, named


class EpochOrder(NamedTuple):
    """The order of a known target: the rule's name, and its rows (n,) as a function of (seed, epoch).

    ``repeats`` says whether a row may come twice in an epoch.
    """

    name: str
    rows: Callable[[int, int], Int64[Tensor, "n"]]
    repeats: bool = True


class RowOrder(ABC):
    """A rule for which rows an epoch has; it knows no data until it is given a target, and keeps none.

    Every order is as long as the split, so that learning rates and epochs mean what they mean without it.
    """

    @abstractmethod
    def prepare(self, target: Any, mask: Any = None) -> EpochOrder:
        """What the rule says of a target; counting is done here, once.

        Args:
            target: of the n rows: class indices (n,), where a negative one is unknown, a multi-hot (n, c), label
                lists, or a dict of them by task where the rule does not look at classes.
            mask: what of it is known, of the target's shape; None for all.

        Raises:
            DataError: code D31, for targets of several tasks where the rule needs the classes of one.
        """

    def __repr__(self) -> str:
        """The constructor."""
        return f"{type(self).__name__}()"


@final
class Shuffled(RowOrder):
    """Every row once, in another order each epoch; the default.

    Example:
        >>> Shuffled().prepare(torch.tensor([0, 0, 1])).rows(0, 0).sort().values.tolist()
        [0, 1, 2]
    """

    def prepare(self, target: Any, mask: Any = None) -> EpochOrder:
        """As `RowOrder.prepare`; looks at nothing but the number of rows."""
        return every_row_once(len(next(iter(named(target).values()))))


@final
class ClassAware(RowOrder):
    """Every class as often as every other: classes take turns, and so do the rows within a class.

    Use it where each class should weigh the same in training, however rare; its rare rows come many times in an epoch,
    and of frequent classes an epoch shows a part. `RepeatFactor` is the mild choice. Classes without rows have no turn.
    Rows without any class (empty sets, or nothing known) take turns as one class more: an epoch without them would
    teach that a set is never empty. A row of several classes is drawn in the turns of each.

    Example:
        >>> target = torch.tensor([0] * 9 + [1])
        >>> target[ClassAware().prepare(target).rows(0, 0)].bincount().tolist()
        [5, 5]

    Source: Shen, Lin, Huang (2016), arXiv:1512.05830, section 4.2.
    """

    def prepare(self, target: Any, mask: Any = None) -> EpochOrder:
        """As `RowOrder.prepare`."""
        target, mask = one_task(target, mask, self)
        num_rows = len(target)
        given = with_unlabelled(memberships(target, mask), num_rows)
        return EpochOrder(repr(self), partial(class_aware_order, given, num_rows))


@final
class RepeatFactor(RowOrder):
    """Rows of rare classes more often, by the square root of how rare; the others a little less often than once.

    Use it where labels are many and uneven; `ClassAware` levels them out altogether. A row is drawn
    ``n r_i / sum r`` times on average, ``r_i = max(1, sqrt(t / f_c))`` of its rarest class; rows without a class have
    ``r_i = 1``. A class that no more than one in 1/t rows has is rare.

    Args:
        threshold: t in (0, 1]; 1 draws every row in proportion to ``1 / sqrt(f_c)`` of its rarest class.

    Raises:
        DataError: code D34 for a threshold outside (0, 1].

    Example:
        >>> target = torch.tensor([0] * 15 + [1])
        >>> target[RepeatFactor(threshold=1.0).prepare(target).rows(0, 0)].bincount().tolist()
        [12, 4]

    Source: Gupta, Dollar, Girshick (2019), "LVIS", arXiv:1908.03195, appendix B; there the epoch grows instead.
    """

    def __init__(self, threshold: float) -> None:
        number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
        if not (number and 0 < threshold <= 1):
            problem = f"sampling.threshold={threshold!r:.60}; allowed a share of rows above 0 and up to 1"
            raise DataError("D34", problem, "sampling.threshold=0.01")
        self.threshold = threshold

    def prepare(self, target: Any, mask: Any = None) -> EpochOrder:
        """As `RowOrder.prepare`."""
        target, mask = one_task(target, mask, self)
        num_rows, given = len(target), memberships(target, mask)
        classes = 1 + (int(given.label.max()) if len(given.label) else -1)
        factors = repeat_factors(given, known_rows(target, mask, classes), num_rows, self.threshold)
        return EpochOrder(repr(self), partial(repeated_order, factors))

    def __repr__(self) -> str:
        """The constructor."""
        return f"RepeatFactor(threshold={self.threshold})"


def every_row_once(num_rows: int) -> EpochOrder:
    """The order of `Shuffled`, for which the number of rows is enough."""
    return EpochOrder(repr(Shuffled()), partial(keyed_order, num_rows), repeats=False)


def one_task(target: Any, mask: Any, rule: RowOrder) -> tuple[Any, Any]:
    """Target and mask where there is one task; code D31 where there are several."""
    if isinstance(target, Mapping):
        problem = f"{rule!r} got targets of several tasks ({', '.join(target)}); allowed one, whose classes take turns"
        raise DataError("D31", problem, "~sampling")
    return target, mask


def known_rows(target: Any, mask: Bool[Tensor, "..."] | None, num_classes: int) -> Int64[Tensor, "c"]:
    """Of how many rows it is known whether they have each class, shape (C,), int64."""
    if mask is not None and mask.ndim == 2:
        return mask[:, :num_classes].sum(dim=0)
    known = torch.ones(len(target), dtype=torch.bool) if mask is None else mask
    if not isinstance(target, LabelLists) and target.ndim == 1:
        known = known & (target >= 0)
    return known.sum().expand(num_classes)
