"""Which column of a table holds the pictures, the labels and the splits: found by what their cells hold.

Where the cells leave a doubt, the error says what to type; names of columns break a tie and never overrule cells.
"""

import os
from pathlib import Path

from torchheads.errors import DataError
from torchheads.tables.column import Column
from torchheads.tables.column_kinds import (
    INDEX_NAMES,
    counts_rows,
    is_different_everywhere,
    is_empty,
    is_flags,
    is_named,
    is_pictures,
    spread,
)
from torchheads.tables.column_options import ColumnOptions, FoundColumns
from torchheads.tables.find_labels import find_labels
from torchheads.tables.splits import SPLITS
from torchheads.tables.table import Table, listed

Left = dict[str, Column]


def find_columns(table: Table, wanted: ColumnOptions, root: Path) -> FoundColumns:
    """The roles of the columns of a table.

    Args:
        table: at least a column of pictures and one of labels.
        wanted: what the user said; the rest is found.
        root: the folder that the pictures' paths start from.

    Raises:
        DataError: code D20 for a name that is no column, D21 where the cells allow more than one answer, or none.
    """
    for option, name in (("image", wanted.image), ("label", wanted.label), ("split", wanted.split)):
        if name is not None:
            table.column(name, f"data.columns.{option}")
    for name in wanted.named():
        table.column(name, "data.columns.labels")
    left = {name: column for name, column in table.columns.items() if name not in wanted.named()}
    split = wanted.split or find_split(table, left)
    left = {name: column for name, column in left.items() if name != split}
    image = wanted.image or find_image(table, left, root)
    left = {name: column for name, column in left.items() if name != image}
    unused = find_unused(left) if wanted.label is None and wanted.labels is None else {}
    left = {name: column for name, column in left.items() if name not in unused}
    labels = find_labels(table, left, wanted)
    unused |= {name: "not asked for" for name in left if name not in labels.columns}
    return FoundColumns(image, labels, split, unused)


def find_split(table: Table, left: Left) -> str | None:
    """The column named split; None when there is none.

    Raises:
        DataError: code D21, when only columns of other names hold names of splits.
    """
    named = [name for name in left if name.lower() == "split"]
    if named:
        return named[0]
    words = [name for name, column in left.items() if column.has_few and split_words(column)]
    if words:
        problem = f"{table.where_names(words[0])}: holds names of splits, but is not named split"
        remedy = f"data.columns.split={words[0]}, or data.columns.ignore=[{words[0]}] if it is none"
        raise DataError("D21", f"{problem}; allowed one column of splits", remedy)
    return None


def split_words(column: Column) -> bool:
    """Whether all cells are names of splits."""
    return {text.lower() for text in column.distinct()} <= SPLITS.keys()


def find_image(table: Table, left: Left, root: Path) -> str:
    """The column of paths of pictures: by the endings of the names, else by the files that are there.

    Raises:
        DataError: code D21, when it is none of the columns or more than one.
    """
    found = [name for name, column in left.items() if is_pictures(column)]
    found = found or [name for name, column in left.items() if are_files(column, root)]
    if len(found) == 1:
        return found[0]
    if found:
        problem = f"{table.where_names()}: pictures in the columns {listed(found)}; allowed one column"
        raise DataError("D21", problem, " or ".join(f"data.columns.image={name}" for name in found[:3]))
    problem = f"{table.where_names()}: none of the columns {listed(left)} holds names of picture files"
    remedy = f"data.columns.image=<its name>, or data.root=<where its files are> (now {root})"
    raise DataError("D21", f"{problem}, by their ending or under {root}; allowed one", remedy)


def are_files(column: Column, root: Path) -> bool:
    """Whether the cells, of a sample, are files under a folder."""
    sample = [text for text in spread(column) if text]
    return bool(sample) and all(os.path.isfile(root / text) for text in sample)


def find_unused(left: Left) -> dict[str, str]:
    """Columns that cannot hold labels, with the reason; none where nothing else would be left."""
    reasons = {name: reason for name, column in left.items() if (reason := why_unused(column))}
    return reasons if len(reasons) < len(left) else {}


def why_unused(column: Column) -> str:
    """Why a column can hold no labels; "" when it may."""
    if column.name == "" and is_empty(column):
        return "empty"
    if is_pictures(column):
        return "pictures too"
    if is_flags(column) and not is_named(column, INDEX_NAMES):
        return ""  # 0 and 1 in two rows may be labels just as well
    if counts_rows(column):
        return "counts the rows"
    is_sets = any(mark in text for text in spread(column) for mark in ";|")
    return "" if is_sets or column.separator or not is_different_everywhere(column) else "different in every row"
