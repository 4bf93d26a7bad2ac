"""ARFF, the file format of Weka and MULAN: attributes declared by name, then rows, dense or sparse.

n rows, m attributes, d features.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from math import inf, isfinite, nan
from pathlib import Path
from typing import BinaryIO, NamedTuple

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn.functional import one_hot

from torchheads.errors import DataError
from torchheads.tables.arff_header import Attribute, read_attribute, split_cells, unquote


class ArffTable(NamedTuple):
    """The rows of an ARFF file as numbers: a nominal value is the place of its category, a missing one is NaN."""

    path: str
    attributes: tuple[Attribute, ...]
    values: Float32[Tensor, "n m"]
    lines: Int64[Tensor, "n"]

    def where(self, row: int) -> str:
        """File and line of a row, for messages."""
        return f"{self.path}, line {int(self.lines[row])}"


def read_arff(path: str | Path) -> ArffTable:
    """Read an ARFF file row by row; nothing but four bytes a value is kept.

    Numeric and nominal attributes, quoted names, comments, dense rows (``0.5, red``) and sparse ones (``{0 0.5}``,
    where an absent number is 0 and an absent category the first one declared) are understood.

    Args:
        path: the file; UTF-8.

    Returns:
        Values as float32, shape (N, M), and the line of each row.

    Raises:
        DataError: codes D24 to D26, naming file and line, attribute and value.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "birds.arff")
        ...     _ = file.write_text("@attribute size real\\n@attribute colour {red,blue}\\n@data\\n0.5,blue\\n{0 2}")
        ...     read_arff(file).values.tolist()
        [[0.5, 1.0], [2.0, 0.0]]

    Source: Weka manual, chapter "ARFF".
    """
    try:
        with open(path, "rb") as file:
            lines = numbered_lines(file, str(path))
            rows = Rows(str(path), read_header(lines, str(path)))
            for number, line in lines:
                rows.add(line, number)
    except OSError as error:
        raise DataError("D24", f"{path} cannot be read: {error.strerror}", "the path of an ARFF file") from error
    return rows.table()


def numbered_lines(file: BinaryIO, path: str) -> Iterator[tuple[int, str]]:
    """The lines that hold something, with their numbers from 1; empty ones and comments are left out."""
    for number, raw in enumerate(file, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            problem = f"{path}, line {number}: byte {raw[error.start]:#04x} is no UTF-8; allowed UTF-8 text"
            raise DataError("D24", problem, f"iconv -f latin1 -t utf8 {Path(path).name}") from error
        if line and not line.startswith("%"):
            yield number, line


def read_header(lines: Iterator[tuple[int, str]], path: str) -> tuple[Attribute, ...]:
    """The attributes declared before ``@data``; reads up to that line.

    Raises:
        DataError: code D24 for a line that is no declaration, a name that comes twice, or no ``@data``.
    """
    attributes: dict[str, Attribute] = {}
    for number, line in lines:
        keyword, where = line.split()[0].lower(), f"{path}, line {number}"
        if keyword == "@data":
            break
        if keyword == "@attribute":
            attribute = read_attribute(line[len(keyword) :].strip(), where)
            if attribute.name in attributes:
                problem = f"{where}: the attribute {attribute.name!r} is declared before; allowed each name once"
                raise DataError("D24", problem, "another name")
            attributes[attribute.name] = attribute
        elif keyword != "@relation":
            problem = f"{where}: {line[:40]!r} is no declaration; allowed @relation, @attribute, @data"
            raise DataError("D24", problem, "@data before the first row")
    else:
        raise DataError("D24", f"{path} has no line @data; allowed an ARFF file", "@data before the first row")
    if not attributes:
        raise DataError("D24", f"{path} declares no attribute; allowed one or more", "@attribute size numeric")
    return tuple(attributes.values())


class Rows:
    """Collects the rows of a file whose attributes are known."""

    def __init__(self, path: str, attributes: tuple[Attribute, ...]) -> None:
        self.path = path
        self.attributes = attributes
        self._places = [{name: place for place, name in enumerate(a.categories)} for a in attributes]
        self._readers: list[Callable[[str], float]] = [
            places.__getitem__ if places else float for places in self._places
        ]
        self._values, self._lines = array("f"), array("q")

    def add(self, line: str, number: int) -> None:
        """Read one row.

        Raises:
            DataError: code D26, naming line, attribute and value.
        """
        row = self._sparse(line, number) if line[0] == "{" else self._plain(line) or self._dense(line, number)
        self._values.extend(row)
        self._lines.append(number)

    def table(self) -> ArffTable:
        """What has been read."""
        shape = (len(self._lines), len(self.attributes))
        values = torch.frombuffer(self._values, dtype=torch.float32) if self._values else torch.empty(0)
        lines = torch.frombuffer(self._lines, dtype=torch.int64) if self._lines else torch.empty(0, dtype=torch.int64)
        return ArffTable(self.path, self.attributes, values.view(shape), lines)

    def _plain(self, line: str) -> "array[float] | None":
        """A dense row by the short way; None where it has quotes, spaces, or anything missing or wrong."""
        try:
            row = array("f", [read(cell) for read, cell in zip(self._readers, line.split(","), strict=True)])
        except (ValueError, KeyError):
            return None
        return row if isfinite(sum(row)) and "_" not in line else None

    def _dense(self, line: str, number: int) -> "array[float]":
        cells = self._cells(line, number)
        if len(cells) != len(self.attributes):
            problem = f"{len(cells)} values; allowed {len(self.attributes)}, one an attribute"
            raise self._refuse(number, problem, "quotes around a value that holds a comma")
        return array("f", [self._value(column, cell, number) for column, cell in enumerate(cells)])

    def _sparse(self, line: str, number: int) -> "array[float]":
        row, seen = array("f", bytes(4 * len(self.attributes))), set()
        cells = self._cells(line[1:].rpartition("}")[0], number) if "}" in line else [line]
        for cell in cells if cells != [""] else []:
            place, value = (*cell.split(None, 1), "", "")[:2]
            column = int(place) if place.isascii() and place.isdigit() else -1
            if not 0 <= column < len(self.attributes) or column in seen or not value:
                problem = f"the entry {cell!r} of a sparse row; allowed {{place value, ...}} with each place of"
                raise self._refuse(number, f"{problem} 0..{len(self.attributes) - 1} at most once", "{3 1, 7 0.5}")
            row[column] = self._value(column, value, number)
            seen.add(column)
        return row

    def _cells(self, text: str, number: int) -> list[str]:
        try:
            return split_cells(text)
        except ValueError as error:
            raise self._refuse(number, f"a {error}", r"\' for a quotation mark inside quotes") from error

    def _value(self, column: int, cell: str, number: int) -> float:
        """One value with all care: a category, a finite number, or NaN for a missing one."""
        attribute, places = self.attributes[column], self._places[column]
        if cell == "?":
            return nan
        if places:
            value: float = places.get(unquote(cell), inf)
        else:
            value = finite_number(unquote(cell))
        if value == inf:
            problem = (
                f"attribute {attribute.name!r} has the value {cell!r}; allowed {attribute.allowed}, or ? for unknown"
            )
            raise self._refuse(number, problem, f"a value that @attribute {attribute.name} allows")
        return value

    def _refuse(self, number: int, problem: str, remedy: str) -> DataError:
        return DataError("D26", f"{self.path}, line {number}: {problem}", remedy)


def finite_number(text: str) -> float:
    """The number that a text stands for; infinity where it stands for none that float32 can hold.

    Example:
        >>> finite_number("-1.5e3"), finite_number("1_000"), finite_number("nan"), finite_number("1e39")
        (-1500.0, inf, inf, inf)
    """
    try:
        number = float(text)
    except ValueError:
        return inf
    return number if abs(number) <= torch.finfo(torch.float32).max and "_" not in text else inf


def encode(table: ArffTable, columns: Sequence[int]) -> tuple[Float32[Tensor, "n d"], tuple[str, ...]]:
    """Some columns as features: numbers as they are, a nominal attribute as one 0/1 column a category.

    Args:
        table: from `read_arff`.
        columns: which attributes, in which order.

    Returns:
        Features of shape (N, D), float32, and D names, ``attribute=category`` where one-hot.

    Raises:
        DataError: code D27, when a value is missing, naming line and attribute.

    Example:
        >>> attributes = (Attribute("size"), Attribute("colour", ("red", "blue")))
        >>> encode(ArffTable("", attributes, torch.tensor([[0.5, 1.0]]), torch.tensor([4])), [0, 1])
        (tensor([[0.5000, 0.0000, 1.0000]]), ('size', 'colour=red', 'colour=blue'))
    """
    parts, names = [], []
    for column in columns:
        attribute, values = table.attributes[column], table.values[:, column]
        refuse_missing(table, attribute, values)
        if attribute.categories:
            names += [f"{attribute.name}={category}" for category in attribute.categories]
            parts.append(one_hot(values.long(), len(attribute.categories)).float())
        else:
            names.append(attribute.name)
            parts.append(values.unsqueeze(1))
    return torch.cat(parts, dim=1) if parts else torch.empty(len(table.values), 0), tuple(names)


def refuse_missing(table: ArffTable, attribute: Attribute, values: Float32[Tensor, "n"]) -> None:
    """Refuse a column that has unknown values; code D27.

    Example:
        >>> refuse_missing(ArffTable("", (), torch.empty(1, 0), torch.tensor([4])), Attribute("size"), torch.zeros(1))
    """
    rows = values.isnan().nonzero().flatten().tolist()
    if rows:
        problem = f"{table.where(rows[0])}: attribute {attribute.name!r} has no value (?), one of {len(rows)} such rows"
        raise DataError(
            "D27", f"{problem}; allowed a value in every row", "the mean of the others, or without these rows"
        )
