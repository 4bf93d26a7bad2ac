"""Parquet files, read by pyarrow, which is an extra: numbers, booleans, texts and lists of texts become texts of cells.

n rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from torchheads.errors import DataError
from torchheads.tables.column import Piece
from torchheads.tables.table_file import TableFile
from torchheads.tables.text_file import check_file

CHUNK: Final = 65536
MARK: Final = b"PAR1"
BETWEEN: Final = "\x1f"
"""Stands between the labels of a list, since no name holds it (the unit separator of ASCII)."""


def import_parquet() -> Any:
    """``pyarrow.parquet``.

    Raises:
        DataError: code D10, when pyarrow is not installed.
    """
    try:
        from pyarrow import parquet  # type: ignore[import-untyped]  # here: it is an extra
    except ImportError as error:
        problem = f"Parquet files are read by pyarrow, which cannot be imported ({error}); allowed CSV without it"
        raise DataError("D10", problem, "pip install 'torchheads[parquet]'") from error
    return parquet


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn pyarrow's errors into one that names the file.

    Raises:
        DataError: code D10.
    """
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError("D10", f"{path} cannot be read as Parquet ({reason})", "the file, written anew") from error


@final
class ParquetFile(TableFile):
    """A Parquet file as texts: false and true are 0 and 1, whole numbers are written without a point, null is empty.

    Args:
        path: the file.

    Raises:
        DataError: code D10 for a file that cannot be read or when pyarrow is missing, D20 for a name above two columns.
    """

    form = "Parquet"

    def __init__(self, path: Path) -> None:
        check_file(path)
        parquet = import_parquet()
        self.path = path
        with readable(path):
            self._file = parquet.ParquetFile(path)
        schema = self._file.schema_arrow
        self.names = tuple(name.strip() for name in schema.names)
        kinds = zip(self.names, schema.types, strict=True)
        self.separators = {name: BETWEEN for name, kind in kinds if hasattr(kind, "value_field")}
        self.check_names()

    def chunks(self) -> Iterator[list[Piece]]:
        """The cells as texts, some ten thousand rows at a time."""
        with readable(self.path):
            for batch in self._file.iter_batches(CHUNK):
                yield [piece(column) for column in batch.columns]

    def where(self, row: int) -> str:
        """File and row, counted from 1."""
        return f"{self.path}, row {row + 1}"


def piece(column: Any) -> Piece:
    """A column of a batch as different texts and the choice of each row; null is the last text, the empty one."""
    from pyarrow import types

    if hasattr(column.type, "value_field"):
        texts = [BETWEEN.join(map(text, labels or ())) for labels in column.to_pylist()]
        return Piece(texts, np.arange(len(texts)))
    if not types.is_dictionary(column.type):
        column = column.dictionary_encode()
    texts = [*map(text, column.dictionary.to_pylist()), ""]
    return Piece(texts, column.indices.cast("int64").fill_null(len(texts) - 1).to_numpy(zero_copy_only=False))


def text(value: object) -> str:
    """What a CSV file would hold.

    Example:
        >>> [text(value) for value in (True, 2, 2.0, 2.5, "cat", None, float("nan"))]
        ['1', '2', '2', '2.5', 'cat', '', '']
    """
    if value is None or value != value:
        return ""
    is_whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return str(int(value) if is_whole else value)  # type: ignore[call-overload]
