"""What every file of rows offers: names of columns, their texts in pieces, and where a row stands."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from torchheads.errors import DataError
from torchheads.tables.column import Piece


class TableFile(ABC):
    """A file whose rows are read once, in pieces; `CsvFile` and `ParquetFile` are the forms there are."""

    path: Path
    form: str
    """What kind of file it is, in a word or two."""
    names: tuple[str, ...]
    """What stands above the columns, without spaces around it."""
    separators: dict[str, str] = {}
    """What stands between the labels of a cell, for columns of lists."""

    @abstractmethod
    def chunks(self) -> Iterator[list[Piece]]:
        """Rows that follow one another, one piece a column."""

    @abstractmethod
    def where(self, row: int) -> str:
        """Where a row stands, for messages; rows count from 0."""

    def where_names(self) -> str:
        """Where the names of the columns stand, for messages."""
        return str(self.path)

    def check_names(self) -> None:
        """Refuse columns that cannot be told apart by name.

        Raises:
            DataError: code D20, for a name that stands above two columns, or two columns without a name.
        """
        for place, name in enumerate(self.names):
            if name in self.names[:place]:
                both = f"columns {self.names.index(name) + 1} and {place + 1} are both named {name!r}"
                raise DataError("D20", f"{self.where_names()}: {both}; allowed each name once", "another name for one")
