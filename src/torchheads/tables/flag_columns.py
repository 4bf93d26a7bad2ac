"""Labels in columns of their own: 1 where a row has the label, 0 where not, empty where that is unknown.

n rows, c classes.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, final

import numpy as np
import torch

from torchheads.errors import DataError
from torchheads.tables.label_columns import REJECTED, LabelColumns, Labels, check_cells, class_list, coded
from torchheads.tables.table import Table, listed

UNKNOWN: Final = -1
MEANING: Final = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1, "": UNKNOWN}


@final
class FlagColumns(LabelColumns):
    """One column a label, in the order of the columns.

    Use it for tables in which labels may be unknown; a `SetColumn` knows of every label whether a row has it.

    Args:
        names: of the columns, which are the names of the labels.
    """

    label_type = "multi"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns."""
        return self.names

    def read(self, table: Table, class_names: Sequence[str] | None = None) -> Labels:
        """A multi-hot and what is known of it, both of shape (N, C), bool; see `LabelColumns.read`."""
        names = self.names if class_names is None else class_list(class_names)
        self._check_classes(table, names)
        target = np.zeros((len(table), len(names)), bool)
        known = np.ones((len(table), len(names)), bool)
        for place, name in enumerate(names):
            column = table.column(name, "data.columns.labels")
            codes = coded(column, flag)
            remedy = f"0, 1 or nothing there, or data.columns.ignore=[{name}] if {name} is no label"
            check_cells(table, column, codes, "0, 1 or empty (unknown)", remedy)
            target[:, place] = codes == 1
            known[:, place] = codes != UNKNOWN
        mask = None if known.all() else torch.from_numpy(known)
        return Labels(torch.from_numpy(target), mask, names)

    def _check_classes(self, table: Table, names: Sequence[str]) -> None:
        """The classes typed are the columns found, in any order."""
        for name in names:
            if name not in self.names:
                near = get_close_matches(name, self.names, n=1, cutoff=0)[0]
                problem = f"{table.where_names()}: class {name!r} of data.class_names is none of the label columns"
                raise DataError("D20", f"{problem}; allowed {listed(self.names)}", f"{near} in data.class_names")
        for name in self.names:
            if name not in names:
                problem = f"{table.where_names()}: label column {name!r} is not in data.class_names"
                remedy = f"{name} in data.class_names, or data.columns.ignore=[{name}]"
                raise DataError("D20", f"{problem}; allowed {listed(names)}", remedy)

    def __str__(self) -> str:
        """Such as "2 columns of 0 and 1, 'cat' to 'dog'"."""
        if len(self.names) == 1:
            return f"one label of 0 and 1, {self.names[0]!r}"
        return f"{len(self.names)} labels of 0 and 1, {self.names[0]!r} to {self.names[-1]!r}"


def flag(text: str) -> int:
    """1, 0, unknown or rejected.

    Example:
        >>> [flag(text) for text in ("1", "0.0", "True", "", "yes")]
        [1, 0, 1, -1, -2]
    """
    return MEANING.get(text.lower(), REJECTED)
