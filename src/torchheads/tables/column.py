"""One column of a table, kept small: few different texts as codes, many as one long text.

n rows, v different texts.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

FEW: Final = 1024
"""Up to this many different texts are codes, whatever the number of rows."""


class Piece(NamedTuple):
    """Rows of a column that follow one another: the texts they choose from (v), and the choice of each row (n)."""

    texts: Sequence[str]
    codes: NDArray[Any]


class Vocabulary(dict[str, int]):
    """A code for every text; what is new gets the next one. Spaces around a text do not count."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def __missing__(self, text: str) -> int:
        """The code of a text not met before in this spelling."""
        clean = text.strip()
        if clean != text:
            code = self[clean]
        else:
            code = len(self.texts)
            self.texts.append(text)
        self[text] = code
        return code


@final
class Column:
    """The texts of one column, without the spaces around them; it grows at its end.

    A million rows of 0 and 1 are a million bytes; a million file names are the bytes of their letters and 8 a row.

    Args:
        name: what stands above the column.
        separator: what stands between the labels of a cell, where the file itself says so (lists of a Parquet file).

    Example:
        >>> column = Column("hat")
        >>> column.add(["1", "0 ", "1"])
        >>> len(column), column.texts(), column.distinct()
        (3, ['1', '0', '1'], ['1', '0'])
    """

    def __init__(self, name: str, separator: str | None = None) -> None:
        self.name = name
        self.separator = separator
        self._rows = 0
        self._vocabulary: Vocabulary | None = Vocabulary()
        self._codes: list[NDArray[Any]] = []
        self._long: list[tuple[str, NDArray[np.int64]]] = []

    def __len__(self) -> int:
        """Number of rows."""
        return self._rows

    @property
    def has_few(self) -> bool:
        """Whether the different texts are few, so that it costs nothing to look at all of them."""
        return self._vocabulary is not None

    def add(self, texts: Sequence[str], codes: NDArray[Any] | None = None) -> None:
        """Append rows.

        Args:
            texts: the text of each row, or what ``codes`` choose from.
            codes: for each row its place in ``texts``; None when each row has its own.
        """
        rows = len(texts) if codes is None else len(codes)
        self._rows += rows
        if self._vocabulary is None:
            self._add_long(texts, codes)
            return
        found = np.fromiter(map(self._vocabulary.__getitem__, texts), np.int64, len(texts))
        chosen = found if codes is None else found[codes]
        size = len(self._vocabulary.texts)
        self._codes.append(chosen.astype(np.min_scalar_type(size)))
        if size > FEW and 2 * size > self._rows:
            self._lengthen()

    def pieces(self) -> Iterator[Piece]:
        """The whole column in pieces, so that what depends on the text alone is done once for each different text."""
        if self._vocabulary is not None:
            if self._codes:
                self._codes = [np.concatenate(self._codes)]
                yield Piece(self._vocabulary.texts, self._codes[0])
            return
        for letters, ends in self._long:
            yield Piece(cut(letters, ends), np.arange(len(ends)))

    def texts(self) -> list[str]:
        """The text of every row."""
        return list(self)

    def __iter__(self) -> Iterator[str]:
        """The text of every row, one after the other."""
        return chain.from_iterable(map(piece.texts.__getitem__, piece.codes.tolist()) for piece in self.pieces())

    def distinct(self) -> list[str]:
        """The different texts, in the order in which they come first."""
        if self._vocabulary is not None:
            return list(self._vocabulary.texts)
        return list(dict.fromkeys(chain.from_iterable(piece.texts for piece in self.pieces())))

    def at(self, row: int) -> str:
        """The text of one row, counted from 0."""
        return next(self.every(max(1, len(self)), row))

    def every(self, step: int, first: int = 0) -> Iterator[str]:
        """The texts of some rows, evenly spread: every ``step``-th, from row ``first`` on."""
        for piece in self.pieces():
            rows = len(piece.codes)
            yield from map(piece.texts.__getitem__, piece.codes[first::step].tolist() if first < rows else ())
            first = first - rows if first >= rows else (first - rows) % step

    def _add_long(self, texts: Sequence[str], codes: NDArray[Any] | None) -> None:
        clean = [text.strip() for text in texts]
        if codes is not None:
            clean = [clean[code] for code in codes.tolist()]
        ends = np.cumsum(np.fromiter(map(len, clean), np.int64, len(clean)))
        self._long.append(("".join(clean), ends))

    def _lengthen(self) -> None:
        """Keep from now on one long text, since nearly every row has its own."""
        pieces = list(self.pieces())
        self._vocabulary, self._codes = None, []
        for piece in pieces:
            self._add_long(piece.texts, piece.codes)


def cut(letters: str, ends: NDArray[np.int64]) -> list[str]:
    """The texts that stand one after the other in a long one.

    Example:
        >>> cut("catdog", np.array([3, 3, 6]))
        ['cat', '', 'dog']
    """
    places = [0, *ends.tolist()]
    return [letters[start:end] for start, end in pairwise(places)]
