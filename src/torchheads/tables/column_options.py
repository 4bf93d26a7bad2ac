"""What a user may say about the columns of a table, and what was found where nothing was said."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from torchheads.errors import DataError
from torchheads.tables.label_columns import LabelColumns


class ColumnOptions(NamedTuple):
    """Roles of columns by name; None is found by what the cells hold.

    ``label`` is one column of classes; ``labels`` one column of label sets, or a list of columns of 0 and 1;
    ``separator`` stands between the labels of a set; ``ignore`` are columns to pass over; ``delimiter`` stands between
    the cells of a CSV file.
    """

    image: str | None = None
    label: str | None = None
    labels: str | Sequence[str] | None = None
    split: str | None = None
    separator: str | None = None
    ignore: Sequence[str] = ()
    delimiter: str | None = None

    def named(self) -> tuple[str, ...]:
        """The columns that have a role by name."""
        labels = (self.labels,) if isinstance(self.labels, str) else tuple(self.labels or ())
        return tuple(name for name in (self.image, self.label, *labels, self.split) if name is not None)


class FoundColumns(NamedTuple):
    """Which column holds what, and the columns that hold nothing of use, each with the reason."""

    image: str
    labels: LabelColumns
    split: str | None
    unused: Mapping[str, str]

    def __str__(self) -> str:
        """One line, such as "pictures in 'image', one class a row in 'label', splits in 'split'"."""
        parts = [f"pictures in {self.image!r}", str(self.labels)]
        parts += [f"splits in {self.split!r}"] if self.split is not None else []
        unused = [f"{name!r} ({reason})" for name, reason in self.unused.items()]
        return ", ".join(parts) + (f"; unused: {', '.join(unused)}" if unused else "")


def column_options(given: Mapping[str, Any]) -> ColumnOptions:
    """The options out of ``data.columns``.

    Raises:
        DataError: code D20 for an option that there is not, D21 for two that exclude each other or one column twice.

    Example:
        >>> column_options({"label": "species"}).label
        'species'
    """
    for name in given:
        if name not in ColumnOptions._fields:
            near = get_close_matches(name, ColumnOptions._fields, n=1, cutoff=0)[0]
            problem = f"no option data.columns.{name}; allowed {', '.join(ColumnOptions._fields)}"
            raise DataError("D20", problem, f"data.columns.{near}=...")
    options = ColumnOptions(**given)
    ignore = (options.ignore,) if isinstance(options.ignore, str) else tuple(options.ignore or ())
    options = options._replace(ignore=ignore)
    if options.label is not None and options.labels is not None:
        problem = f"data.columns.label={options.label} and data.columns.labels={options.labels}; allowed one of them"
        raise DataError("D21", problem, "label for exactly one class a row, labels for any number")
    named = (*options.named(), *options.ignore)
    twice = [name for place, name in enumerate(named) if name in named[:place]]
    if twice:
        problem = f"column {twice[0]!r} has two roles in data.columns; allowed one"
        raise DataError("D21", problem, f"{twice[0]} once")
    return options
