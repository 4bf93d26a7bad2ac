"""Which columns hold the labels, and in which of the three shapes.

Where the cells leave a doubt, the error says what to type.
"""

from torchheads.errors import DataError
from torchheads.tables.class_column import ClassColumn
from torchheads.tables.column import Column
from torchheads.tables.column_kinds import (
    LABEL_NAMES,
    OTHER_NAMES,
    SET_NAMES,
    flag_share,
    has_fractions,
    is_flags,
    is_mostly_different,
    is_named,
    separators_in,
)
from torchheads.tables.column_options import ColumnOptions
from torchheads.tables.flag_columns import FlagColumns
from torchheads.tables.label_columns import LabelColumns
from torchheads.tables.set_column import SetColumn
from torchheads.tables.table import Table, listed

Left = dict[str, Column]
ONE_OF_THREE = "one column of classes, one of label sets, or columns of 0 and 1 alone"


def find_labels(table: Table, left: Left, wanted: ColumnOptions) -> LabelColumns:
    """The columns of labels among those that have no other role.

    Args:
        table: holds them.
        left: the columns that may be labels where the user named none.
        wanted: what the user said.

    Raises:
        DataError: code D21, when the cells allow more than one answer, or none.
    """
    if wanted.label is not None:
        return ClassColumn(wanted.label)
    if isinstance(wanted.labels, str):
        return sets_of(table, table.column(wanted.labels, "data.columns.labels"), wanted.separator)
    if wanted.labels is not None:
        return FlagColumns(wanted.labels)
    return found_labels(table, left, wanted.separator)


def found_labels(table: Table, left: Left, separator: str | None) -> LabelColumns:
    """The columns of labels where the user named none."""
    if not left:
        problem = f"{table.where_names()}: no column of labels among {listed(table.columns)}"
        raise DataError("D21", f"{problem}; allowed {ONE_OF_THREE}", "a column with the labels")
    if len(left) == 1:
        return shape_of(table, next(iter(left.values())), separator)
    flags = [name for name, column in left.items() if is_flags(column)]
    named = [column for column in left.values() if is_named(column, LABEL_NAMES | SET_NAMES)]
    if len(flags) == len(left) and not named:
        return flags_of(table, flags)
    if len(named) == 1 and not set(flags) - {named[0].name}:
        return shape_of(table, named[0], separator)
    if all(flag_share(column) > 0.5 for column in left.values()) and not named:
        return FlagColumns(list(left))  # its reading names the cells that are neither
    raise undecided(table, list(left), flags)


def flags_of(table: Table, names: list[str]) -> FlagColumns:
    """All columns of 0 and 1, unless one is named as what is seldom a label."""
    doubtful = [name for name in names if name.lower() in OTHER_NAMES]
    if doubtful:
        rest = ",".join(name for name in names if name not in doubtful)
        problem = (
            f"{table.where_names()}: column {doubtful[0]!r} holds 0 and 1 as the labels do, by its name it is none"
        )
        remedy = f"data.columns.ignore=[{','.join(doubtful)}], or data.columns.labels=[{doubtful[0]},{rest}]"
        raise DataError("D21", f"{problem}; allowed {ONE_OF_THREE}", remedy)
    return FlagColumns(names)


def undecided(table: Table, names: list[str], flags: list[str]) -> DataError:
    """The error for columns of which it cannot be told which are labels."""
    ways = [f"data.columns.label={names[0]} (or another) for exactly one class a row"]
    ways += (
        [f"data.columns.labels=[{','.join(flags[:3])}{',...' * (len(flags) > 3)}] for these 0 and 1"] if flags else []
    )
    problem = f"{table.where_names()}: the labels could be in any of {listed(names)}; allowed {ONE_OF_THREE}"
    return DataError("D21", problem, ", ".join([*ways, "data.columns.ignore=[...] for what is no label"]))


def shape_of(table: Table, column: Column, separator: str | None) -> LabelColumns:
    """The shape of one column that holds the labels."""
    marks = separators_in(column)
    if separator or column.separator or set(marks) & {";", "|"} or (marks and is_named(column, SET_NAMES)):
        return sets_of(table, column, separator)
    name = column.name
    if marks:
        either = f"data.columns.labels={name} data.columns.separator=',' for sets"
        raise doubtful(table, column, "holds commas inside its cells", f"{either}, data.columns.label={name} for names")
    if is_flags(column) and not is_named(column, LABEL_NAMES):
        remedy = f"data.columns.labels=[{name}] for one label, data.columns.label={name} for the classes 0 and 1"
        raise doubtful(table, column, "holds 0 and 1: a label, or two classes", remedy)
    if "" in column.distinct() and is_named(column, SET_NAMES):
        remedy = f"data.columns.labels={name} where an empty cell means no label, else a class in each cell"
        raise doubtful(table, column, "has empty cells and never two labels", remedy)
    if has_fractions(column):
        raise doubtful(table, column, "holds numbers with fractions", f"data.columns.label={name} if they are classes")
    if is_mostly_different(column):
        what = f"holds {len(column.distinct()):,} different texts in {len(column):,} rows"
        raise doubtful(table, column, what, f"data.columns.label={name} if they are classes")
    return ClassColumn(name)


def sets_of(table: Table, column: Column, separator: str | None) -> SetColumn:
    """A column of label sets, with the separator typed, that of the file or the one its cells hold."""
    if separator or column.separator:
        return SetColumn(column.name, separator or column.separator or "")
    marks = [mark for mark in separators_in(column) if mark != ","] or separators_in(column)
    if len(marks) > 1:
        remedy = " or ".join(f"data.columns.separator='{mark}'" for mark in marks)
        raise doubtful(table, column, f"holds {' and '.join(map(repr, marks))}", remedy)
    if is_flags(column):
        remedy = f"data.columns.labels=[{column.name}] for one label that a row has or has not"
        raise doubtful(table, column, "holds 0 and 1 alone, which are no label sets", remedy)
    return SetColumn(column.name, marks[0] if marks else ";")


def doubtful(table: Table, column: Column, what: str, remedy: str) -> DataError:
    """The error for a column that may hold labels in more than one shape."""
    return DataError("D21", f"{table.where_names(column.name)}: {what}; allowed {ONE_OF_THREE}", remedy)
