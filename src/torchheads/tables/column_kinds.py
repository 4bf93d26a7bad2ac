"""What the cells of a column look like, which is what its role is found by.

n rows.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from torchheads.images import SUFFIXES
from torchheads.tables.column import Column
from torchheads.tables.flag_columns import MEANING
from torchheads.tables.label_columns import NUMBER, coded

LABEL_NAMES: Final = frozenset({"label", "class", "class_name", "classname", "target", "category", "tag"})
SET_NAMES: Final = frozenset({"labels", "classes", "class_names", "targets", "categories", "tags"})
"""Names that people give to a column of labels, and to one of label sets; they break a tie and overrule no cell."""

INDEX_NAMES: Final = frozenset({"", "id", "index", "idx", "row", "unnamed: 0"})
"""Names of columns that number the rows."""

OTHER_NAMES: Final = (
    INDEX_NAMES
    | {"fold", "group", "subset", "partition", "set", "split"}
    | {
        f"{start}{split}"
        for start in ("", "is_")
        for split in ("train", "valid", "val", "validation", "test", "holdout")
    }
)
"""Names of columns whose 0 and 1 are most likely no label."""

MANY: Final = 20
"""Rows from which on a column in which every row differs is taken for no class column."""

SAMPLE: Final = 256


def is_named(column: Column, names: Iterable[str]) -> bool:
    """Whether a column is named so, in upper or lower case."""
    return column.name.lower() in names


def is_empty(column: Column) -> bool:
    """Whether no cell holds anything."""
    return column.distinct() == [""]


def flag_share(column: Column) -> float:
    """Share of the cells with a text that hold 0 or 1; 0 where none has a text."""
    codes = coded(column, lambda text: -1 if not text else int(text.lower() in MEANING))
    filled = int((codes >= 0).sum())
    return int((codes == 1).sum()) / filled if filled else 0.0


def is_flags(column: Column) -> bool:
    """Whether the cells are 0, 1 or empty, and not all of them empty."""
    texts = {text.lower() for text in column.distinct()} if column.has_few else {"many"}
    return texts != {""} and texts <= MEANING.keys()


def is_pictures(column: Column) -> bool:
    """Whether most cells, of a sample spread over the rows, end as names of picture files do."""
    sample = [text for text in spread(column) if text]
    return 2 * sum(text.lower().endswith(SUFFIXES) for text in sample) > len(sample)


def counts_rows(column: Column) -> bool:
    """Whether the cells are the numbers of the rows, from 0 or 1 on."""
    first = column.at(0)
    return first in ("0", "1") and all(text == str(row) for row, text in enumerate(column, int(first)))


def is_different_everywhere(column: Column) -> bool:
    """Whether each of at least `MANY` rows has a text of its own."""
    return len(column) >= MANY and len(column.distinct()) == len(column)


def is_mostly_different(column: Column) -> bool:
    """Whether there are at least `MANY` rows and more than half as many different texts."""
    return len(column) >= MANY and 2 * len(column.distinct()) > len(column)


def has_fractions(column: Column) -> bool:
    """Whether the cells are numbers, some of them not whole."""
    texts = [text for text in column.distinct() if text]
    if not all(NUMBER.fullmatch(text) for text in islice(texts, SAMPLE)):
        return False
    return all(NUMBER.fullmatch(text) for text in texts) and any(not float(text).is_integer() for text in texts)


def separators_in(column: Column) -> list[str]:
    """Which of ``;``, ``|`` and ``,`` the cells hold, the surest first."""
    return [mark for mark in (";", "|", ",") if any(mark in text for text in column.distinct())]


def spread(column: Column) -> list[str]:
    """At most `SAMPLE` cells, evenly spread over the rows."""
    return list(column.every(max(1, -(-len(column) // SAMPLE))))
