"""What the columns of labels of a table offer, whatever their shape: targets, what is known of them, and names.

n rows, c classes.
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped
from numpy.typing import NDArray
from torch import Tensor

from torchheads.errors import DataError
from torchheads.tables.column import Column
from torchheads.tables.table import Table, listed

NUMBER: Final = re.compile(r"[-+]?\d+(\.\d*)?")
REJECTED: Final = -2
"""Stands for a text that is no label, until its row is looked for."""


class Labels(NamedTuple):
    """Class indices (n,), int64, or a multi-hot (n, c), bool; which entries are known (None: all); names of classes."""

    target: Shaped[Tensor, "n *c"]
    mask: Bool[Tensor, "n c"] | None
    class_names: tuple[str, ...]


class LabelColumns(ABC):
    """The columns of a table that hold its labels, in one of the three shapes there are.

    `ClassColumn` holds one class a row, `SetColumn` any number of them in one cell, `FlagColumns` are one column a
    label.
    """

    label_type: Literal["single", "multi"]

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""

    @abstractmethod
    def read(self, table: Table, class_names: Sequence[str] | None = None) -> Labels:
        """The labels of every row.

        Args:
            table: has the columns.
            class_names: the classes in their order; None finds them.

        Raises:
            DataError: code D07 for names that do not tell classes apart, D20 for a class name that is no column, D22
                for a cell that is not allowed, with its line.
        """

    @abstractmethod
    def __str__(self) -> str:
        """What they are, in words."""


def ordered(names: Iterable[str]) -> list[str]:
    """Different names in order: numerically where all are numbers, else by letters.

    Example:
        >>> ordered(["10", "9"]), ordered(["10", "9", "x"])
        (['9', '10'], ['10', '9', 'x'])
    """
    names = set(names)
    if all(NUMBER.fullmatch(name) for name in names):
        return sorted(names, key=lambda name: (float(name), name))
    return sorted(names)


def found_classes(names: Iterable[str], where: str) -> tuple[str, ...]:
    """The classes of names that were found in cells, in order.

    Raises:
        DataError: code D07, when two of them are the same number, or look the same: letters may be one sign or two.
    """
    classes = ordered(names)
    looks: dict[str, str] = {}
    for name in classes:
        if looks.setdefault(unicodedata.normalize("NFC", name), name) != name:
            problem = f"{where}: two classes look like {name!r}: their letters are put together in different ways"
            raise DataError("D07", f"{problem}; allowed one", "unicodedata.normalize('NFC', label) of all labels")
    if all(NUMBER.fullmatch(name) for name in classes):
        for one, other in pairwise(classes):
            if float(one) == float(other):
                problem = f"{where}: the classes {one!r} and {other!r} are the same number"
                raise DataError("D07", f"{problem}; allowed each number in one spelling", f"{other} everywhere")
    return tuple(classes)


def coded(column: Column, code: Callable[[str], int]) -> NDArray[np.int64]:
    """A number for each row, by its text alone; worked out once for each different text."""
    pieces = [np.fromiter(map(code, piece.texts), np.int64, len(piece.texts))[piece.codes] for piece in column.pieces()]
    return np.concatenate(pieces)


def check_cells(table: Table, column: Column, codes: NDArray[Any], allowed: str, remedy: str) -> None:
    """Refuse the first cell whose text was `REJECTED`; code D22, with its line."""
    rejected = np.flatnonzero(codes == REJECTED)
    if len(rejected):
        raise wrong_cell(table, column, int(rejected[0]), allowed, remedy, len(rejected))


def wrong_cell(table: Table, column: Column, row: int, allowed: str, remedy: str, count: int = 1) -> DataError:
    """The error for a cell that is not allowed, and how many of its column are not."""
    text = column.at(row)
    holds = repr(text) if text else "an empty cell"
    more = f" ({count:,} such cells)" if count > 1 else ""
    return DataError("D22", f"{table.where(row, column.name)}: {holds}{more}; allowed {allowed}", remedy)


def class_list(class_names: Sequence[str]) -> tuple[str, ...]:
    """The classes as typed, as texts.

    Raises:
        DataError: code D07, for none, an empty name or one that is there twice.
    """
    names = tuple(str(name).strip() for name in class_names)
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if not names or not all(names) or twice:
        fault = f"{twice[0]!r} twice" if twice else "an empty name" if names else "no name"
        problem = f"data.class_names has {fault}; allowed one name a class, each of them once"
        raise DataError("D07", problem, "data.class_names=[cat,dog]")
    return names


def unknown_label(table: Table, column: Column, row: int, name: str, class_names: Sequence[str]) -> DataError:
    """The error for a label that is none of the classes typed."""
    near = get_close_matches(name, class_names, n=1)
    remedy = f"{near[0]} there, or {name} in data.class_names" if near else f"{name} in data.class_names"
    problem = f"{table.where(row, column.name)}: label {name!r} is not in data.class_names"
    return DataError("D22", f"{problem}; allowed {listed(class_names)}", remedy)
