"""Labels in one column, exactly one class a row.

n rows.
"""

from collections.abc import Sequence
from typing import final

import torch

from torchheads.errors import DataError
from torchheads.tables.label_columns import (
    REJECTED,
    LabelColumns,
    Labels,
    check_cells,
    class_list,
    coded,
    found_classes,
    unknown_label,
)
from torchheads.tables.table import Table


@final
class ClassColumn(LabelColumns):
    """One column of class names, words or numbers; the classes in order of their names.

    An empty cell is refused, since a row has exactly one class; in a `SetColumn` it is a row without a label.

    Args:
        name: of the column.
    """

    label_type = "single"

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    def read(self, table: Table, class_names: Sequence[str] | None = None) -> Labels:
        """Class indices, shape (N,), int64; see `LabelColumns.read`."""
        column = table.column(self.name, "data.columns.label")
        given = class_list(class_names) if class_names is not None else None
        names = given or found_classes((text for text in column.distinct() if text), table.where_names(self.name))
        places = {name: place for place, name in enumerate(names)} | {"": REJECTED}
        codes = coded(column, lambda text: places.get(text, -1))
        remedy = f"a class there, or data.columns.labels={self.name} where an empty cell means no label"
        check_cells(table, column, codes, "a class in every row", remedy)
        if (codes < 0).any():
            row = int((codes < 0).argmax())
            raise unknown_label(table, column, row, column.at(row), names)
        if len(names) < 2:
            problem = f"{table.where_names(self.name)}: one class, {names[0]!r}, in every row"
            raise DataError("D07", f"{problem}; allowed two or more", "rows of other classes")
        return Labels(torch.from_numpy(codes), None, names)

    def __str__(self) -> str:
        """Such as "one class a row in 'label'"."""
        return f"one class a row in {self.name!r}"
