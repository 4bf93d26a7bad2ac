"""A table out of one file or several: its columns by name, and where each of its rows stands.

n rows.
"""

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import final

from torchheads.errors import DataError
from torchheads.tables.column import Column
from torchheads.tables.csv_file import CsvFile
from torchheads.tables.parquet_file import MARK, ParquetFile
from torchheads.tables.table_file import TableFile
from torchheads.tables.text_file import check_file

PARQUET: tuple[str, ...] = (".parquet", ".pq", ".parq")


def open_table(path: Path, delimiter: str | None = None) -> TableFile:
    """A file of rows, CSV or Parquet by what it holds.

    Raises:
        DataError: code D10 for a file that cannot be read as either; see `CsvFile` and `ParquetFile`.
    """
    if check_file(path).startswith(MARK):
        return ParquetFile(path)
    if path.suffix.lower() in PARQUET:
        raise DataError("D10", f"{path} is no Parquet file: it does not begin with PAR1", "the file, written anew")
    return CsvFile(path, delimiter)


@final
class Table:
    """Columns of one length by name, and the files they come from.

    Args:
        files: one or more files with the same names of columns, in any order; the order of the first counts.
        ignore: names of columns that are passed over.

    Raises:
        DataError: code D10 for a file without rows, D20 for a column that another file has not, and those of the files.
    """

    def __init__(self, files: Sequence[TableFile], ignore: Collection[str] = ()) -> None:
        separators = {name: mark for file in files for name, mark in file.separators.items()}
        kept = [name for name in files[0].names if name not in ignore]
        self.columns = {name: Column(name, separators.get(name)) for name in kept}
        self.files = files
        self.starts = [0]
        for file in files:
            check_same_columns(files[0], file, ignore)
            self._add(file)

    def __len__(self) -> int:
        """Number of rows."""
        return self.starts[-1]

    def where(self, row: int, column: str = "") -> str:
        """File, line and column, for messages."""
        place = next(place for place, start in enumerate(self.starts[1:]) if row < start)
        return self.files[place].where(row - self.starts[place]) + (f", column {column!r}" if column else "")

    def where_names(self, column: str = "") -> str:
        """The first file with its header, and a column, for messages."""
        return self.files[0].where_names() + (f", column {column!r}" if column else "")

    def column(self, name: str, option: str) -> Column:
        """A column by the name typed for an option.

        Raises:
            DataError: code D20, with the nearest name.
        """
        if name not in self.columns:
            near = [match for word in (name, option.split(".")[-1]) for match in get_close_matches(word, self.columns)]
            problem = f"{option}={name!r} is no column of {self.files[0].path}; its columns are {listed(self.columns)}"
            raise DataError("D20", problem, f"{option}={near[0] if near else '<one of them>'}")
        return self.columns[name]

    def _add(self, file: TableFile) -> None:
        columns = [self.columns.get(name) for name in file.names]
        rows = 0
        for pieces in file.chunks():
            for column, piece in zip(columns, pieces, strict=True):
                if column is not None:
                    column.add(*piece)
            rows += len(pieces[0].codes)
        if rows == 0:
            raise DataError("D10", f"{file.path} has names of columns and no row; allowed 1 row or more", "more rows")
        self.starts.append(self.starts[-1] + rows)


def check_same_columns(first: TableFile, file: TableFile, ignore: Collection[str]) -> None:
    """Refuse a file that lacks a column of another, or has one more, unless that is passed over; code D20."""
    here, there = set(first.names) - set(ignore), set(file.names) - set(ignore)
    if here != there:
        lacks, other = (file, first) if here - there else (first, file)
        names = sorted(set(other.names) - set(lacks.names) - set(ignore))
        problem = f"{lacks.where_names()}: no column {listed(names)}, which {other.path} has"
        remedy = f"the column in {lacks.path} too, or data.columns.ignore=[{','.join(names[:3])}]"
        raise DataError("D20", f"{problem}; allowed the same columns in all files", remedy)


def listed(names: Iterable[str]) -> str:
    """Names in quotes, the first twelve of them.

    Example:
        >>> listed(["cat", "dog"])
        "'cat', 'dog'"
    """
    shown = [repr(name) for name in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
