"""CSV files: comma, semicolon, tab or bar; a row that does not fit its header is named by line.

Lines are counted as an editor counts them: a cell in quotes may hold several.
"""

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, final

import numpy as np

from torchheads.errors import DataError
from torchheads.images import SUFFIXES
from torchheads.tables.column import Piece
from torchheads.tables.table_file import TableFile
from torchheads.tables.text_file import check_text, open_text

CHUNK: Final = 512  # rows at a time: from 700 lists on, Python's collector walks over everything again and again
DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@final
class CsvFile(TableFile):
    """A CSV file in UTF-8 with the names of its columns in the first line; lines without any text do not count.

    Args:
        path: the file.
        delimiter: what stands between the cells; None finds it in the header.

    Raises:
        DataError: code D10 for a file that is no such table, D20 for a name above two columns, D21 where more than one
            delimiter fits.
    """

    def __init__(self, path: Path, delimiter: str | None = None) -> None:
        check_text(path)
        self.path = path
        self.delimiter = one_letter(delimiter) if delimiter else find_delimiter(path)
        self.form = (
            "CSV" if self.delimiter == "," else f"CSV, delimiter {DELIMITERS.get(self.delimiter, self.delimiter)}"
        )
        self._header_line, header = next(self._records(), (1, []))
        self.names = tuple(name.strip() for name in header)
        self.check_names()
        self._check_header()

    def chunks(self) -> Iterator[list[Piece]]:
        """The cells, a few thousand rows at a time; what is wrong is looked for once more, slowly, to find its line."""
        with open_text(self.path) as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            rows = self._next_rows(reader)[1:] or self._next_rows(reader)  # the first row of all is the header
            while rows:
                codes = np.arange(len(rows))
                yield [Piece(cells, codes) for cells in zip(*rows, strict=True)]
                rows = self._next_rows(reader)

    def where(self, row: int) -> str:
        """File and line."""
        line, _ = next(islice(self._records(), row + 1, None))
        return f"{self.path}, line {line}"

    def where_names(self) -> str:
        """File and line of the header."""
        return f"{self.path}, line {self._header_line}"

    def _next_rows(self, reader: Iterable[list[str]]) -> list[list[str]]:
        width = len(self.names)
        try:
            while rows := list(islice(reader, CHUNK)):
                if set(map(len, rows)) != {width}:
                    rows = [row for row in rows if not blank(row)]
                if any(len(row) != width for row in rows):
                    raise self._faulty_row()
                if rows:
                    return rows
        except csv.Error as error:
            raise self._faulty_row() from error
        return []

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Every row that holds text, the header first, with the line it begins in."""
        with open_text(self.path) as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    problem = f"{self.path}, line {line}: a cell with quotes that begins there does not end well"
                    remedy = f'a look at the quotes from line {line} on; a quote inside quotes is written ""'
                    raise DataError("D10", f"{problem} ({error})", remedy) from error
                if not blank(cells):
                    yield line, cells

    def _faulty_row(self) -> DataError:
        """The error for the first row that cannot be used."""
        width = len(self.names)
        line, cells = next(record for record in self._records() if len(record[1]) != width)
        mark = DELIMITERS.get(self.delimiter, "delimiter")
        wanted = f"quotes around a cell that holds a {mark}" if len(cells) > width else "every cell, empty ones too"
        counted = f"{len(cells)} cell{'s' * (len(cells) != 1)}, the header has {width}"
        return DataError("D10", f"{self.path}, line {line}: {counted} ({', '.join(self.names[:8])})", wanted)

    def _check_header(self) -> None:
        for name in self.names:
            if name.lower().endswith(SUFFIXES):
                problem = f"{self.where_names()} holds {name!r}, so it is a row; allowed the names of the columns"
                raise DataError("D10", problem, "a first line with names, such as image,label")


def blank(cells: list[str]) -> bool:
    """Whether a line holds no text at all: no delimiter either."""
    return len(cells) < 2 and not "".join(cells).strip()


def one_letter(delimiter: str) -> str:
    """A delimiter as typed: the letter itself, or its name.

    Raises:
        DataError: code D21, for more than one letter.

    Example:
        >>> one_letter("tab"), one_letter(";")
        ('\\t', ';')
    """
    letter = {"\\t": "\t"}.get(delimiter) or {name: mark for mark, name in DELIMITERS.items()}.get(delimiter, delimiter)
    if len(letter) != 1:
        allowed = ", ".join(DELIMITERS.values())
        raise DataError(
            "D21", f"delimiter {delimiter!r}; allowed one letter, or {allowed}", "data.columns.delimiter=tab"
        )
    return letter


def find_delimiter(path: Path) -> str:
    """What stands between the cells: the one of comma, semicolon, tab and bar that cuts the header and fits the rows.

    Raises:
        DataError: code D21, when several do.
    """
    cuts = [mark for mark in DELIMITERS if widths(path, mark, 1)[0] > 1]
    fits = [mark for mark in cuts if len(set(widths(path, mark, 100))) == 1] if len(cuts) > 1 else cuts
    if len(cuts) > 1 and len(fits) != 1:
        kinds = " and ".join(DELIMITERS[mark] for mark in fits or cuts)
        problem = f"{path}: its columns could be separated by {kinds}; allowed one of them"
        raise DataError(
            "D21", problem, " or ".join(f"data.columns.delimiter={DELIMITERS[mark]}" for mark in fits or cuts)
        )
    return fits[0] if fits else ","


def widths(path: Path, delimiter: str, rows: int) -> list[int]:
    """Number of cells of the first rows that hold text; 0 for what cannot be read so."""
    with open_text(path) as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            return [len(cells) for cells in islice((cells for cells in reader if not blank(cells)), rows)] or [0]
        except csv.Error:
            return [0, 1]
