"""Labels in one column, any number of them in each cell.

n rows, c classes.
"""

from collections.abc import Sequence
from typing import final

import numpy as np
import torch

from torchheads.tables.column import Column
from torchheads.tables.label_columns import LabelColumns, Labels, class_list, found_classes, unknown_label, wrong_cell
from torchheads.tables.parquet_file import BETWEEN
from torchheads.tables.table import Table


@final
class SetColumn(LabelColumns):
    """One column of label sets, such as ``cat;dog``; an empty cell is a row without a label.

    A label that a cell names twice counts once. The classes are in order of their names.

    Args:
        name: of the column.
        separator: what stands between two labels.

    Example:
        >>> SetColumn("labels", ";").split("cat; dog;cat")
        ['cat', 'dog', 'cat']
    """

    label_type = "multi"

    def __init__(self, name: str, separator: str) -> None:
        self.name = name
        self.separator = separator

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    def split(self, text: str) -> list[str]:
        """The labels of a cell; "" where there is nothing between two separators."""
        if self.separator.isspace():
            return text.split()
        return [label.strip() for label in text.split(self.separator)] if text else []

    def read(self, table: Table, class_names: Sequence[str] | None = None) -> Labels:
        """A multi-hot of shape (N, C), bool, all of it known; see `LabelColumns.read`."""
        column = table.column(self.name, "data.columns.labels")
        given = class_list(class_names) if class_names is not None else None
        names = given or found_classes(self._labels(column) - {""}, table.where_names(self.name))
        places = {name: place for place, name in enumerate(names)}
        target = np.zeros((len(table), len(names)), bool)
        start = 0
        for piece in column.pieces():
            sets = [(row, label) for row, text in enumerate(piece.texts) for label in self.split(text)]
            wrong = {row: label for row, label in sets if label not in places}
            if wrong:
                row = int(np.isin(piece.codes, list(wrong)).argmax())
                raise self._refused(table, column, start + row, wrong[int(piece.codes[row])], names)
            hot = np.zeros((len(piece.texts), len(names)), bool)
            hot[[row for row, _ in sets], [places[label] for _, label in sets]] = True
            target[start : start + len(piece.codes)] = hot[piece.codes]
            start += len(piece.codes)
        return Labels(torch.from_numpy(target), None, names)

    def _labels(self, column: Column) -> set[str]:
        return {label for piece in column.pieces() for text in piece.texts for label in self.split(text)}

    def _refused(self, table: Table, column: Column, row: int, label: str, names: Sequence[str]) -> Exception:
        if label:
            return unknown_label(table, column, row, label, names)
        allowed = f"names with {self.separator!r} between them, none of them empty"
        return wrong_cell(table, column, row, allowed, f"no {self.separator!r} too many")

    def __str__(self) -> str:
        """Such as "label sets in 'labels', separated by ';'"."""
        how = "lists" if self.separator == BETWEEN else f"separated by {self.separator!r}"
        return f"label sets in {self.name!r}, {how}"
