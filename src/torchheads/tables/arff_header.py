"""What an ARFF file declares: its attributes, and how quoted text in it is read.

An attribute is a column; a nominal one takes one of the categories listed.
"""

import re
from typing import Final, NamedTuple

from torchheads.errors import DataError

NUMERIC: Final = ("numeric", "real", "integer")
TEXT_LIKE: Final = ("string", "date", "relational")
PIECE: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^'",%]+|[,%]""")
ESCAPE: Final = re.compile(r"\\(.)")
CONTROL: Final = {"n": "\n", "r": "\r", "t": "\t"}


class Attribute(NamedTuple):
    """A column of an ARFF file: its name, and its categories in the order declared; none where it is numeric."""

    name: str
    categories: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What its values may be, for a message."""
        shown = ", ".join(map(repr, self.categories[:8])) + (", ..." if len(self.categories) > 8 else "")
        return shown or "a finite number"


def split_cells(text: str) -> list[str]:
    """The parts between the commas that stand outside quotes, stripped, quotes kept; ``%`` begins a comment.

    Raises:
        ValueError: for a quotation mark without its partner.

    Example:
        >>> split_cells(r"1, 'a, b', 'Swainson\\'s' % seen twice")
        ['1', "'a, b'", "'Swainson\\\\'s'"]
    """
    cells, place = [""], 0
    while place < len(text):
        piece = PIECE.match(text, place)
        if piece is None:
            raise ValueError(f"quotation mark {text[place]} without its partner")
        place = piece.end()
        if piece[0] == "%":
            break
        if piece[0] == ",":
            cells.append("")
        else:
            cells[-1] += piece[0]
    return [cell.strip() for cell in cells]


def unquote(cell: str) -> str:
    r"""The text that a cell stands for: without its quotes, escapes resolved.

    Example:
        >>> unquote(r"'Swainson\'s Thrush'")
        "Swainson's Thrush"
    """
    if len(cell) < 2 or cell[0] not in "'\"" or cell[-1] != cell[0]:
        return cell
    return ESCAPE.sub(lambda escape: CONTROL.get(escape[1], escape[1]), cell[1:-1])


def read_attribute(declaration: str, where: str) -> Attribute:
    """The attribute that the text after ``@attribute`` declares.

    Args:
        declaration: a name, in quotes where it holds spaces, and a type.
        where: file and line, for messages.

    Raises:
        DataError: code D24 for a declaration that cannot be read, D25 for a type whose values are no numbers.

    Example:
        >>> read_attribute("'main colour' {red, 'light blue'}", "birds.arff, line 3")
        Attribute(name='main colour', categories=('red', 'light blue'))
    """
    found = re.match(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s{'"]+)\s*(\{.*|[^%]*)""", declaration)
    if found is None or not found[2]:
        problem = f"{where}: the attribute {declaration!r} has no name with a type after it"
        raise DataError("D24", f"{problem}; allowed {', '.join(NUMERIC)} or {{a,b}}", "@attribute 'a name' numeric")
    name, kind = unquote(found[1]), found[2].strip()
    if kind.startswith("{"):
        return Attribute(name, read_categories(kind, f"{where}: attribute {name!r}"))
    word = kind.split()[0].lower()
    if word in TEXT_LIKE:
        problem = f"{where}: attribute {name!r} is of type {word}; allowed {', '.join(NUMERIC)} or a list of categories"
        raise DataError("D25", problem, f"the file without {name!r}, or with its values as categories: {{a,b}}")
    if kind.lower() not in NUMERIC:
        problem = (
            f"{where}: attribute {name!r} is of the unknown type {kind!r}; allowed {', '.join(NUMERIC)} or {{a,b}}"
        )
        raise DataError("D24", problem, f"@attribute {found[1]} numeric")
    return Attribute(name)


def read_categories(text: str, where: str) -> tuple[str, ...]:
    """The categories of a nominal attribute, from the list in braces.

    Raises:
        DataError: code D24, for a list without an end, an empty one, or a category that comes twice.

    Example:
        >>> read_categories("{0,1} % absent, present", "birds.arff, line 3")
        ('0', '1')
    """
    try:
        cells = split_cells(text)
        inside = ",".join(cells).strip()
        categories = tuple(map(unquote, split_cells(inside[1:-1])))
    except ValueError as error:
        raise DataError("D24", f"{where} has a {error}", r"\' for a quotation mark inside quotes") from error
    if not inside.endswith("}") or "" in categories or len(set(categories)) < len(categories):
        problem = f"{where} has the categories {text!r}; allowed a list in braces without empty or repeated ones"
        raise DataError("D24", problem, "{a,b,'light blue'}")
    return categories
