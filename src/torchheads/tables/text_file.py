"""Text files opened with care: a byte-order mark is passed over, and what is no UTF-8 text is named for what it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from torchheads.errors import DataError

KINDS: Final = {
    b"PK\x03\x04": ("an Excel workbook or another zip archive", "a CSV file, saved from the spreadsheet"),
    b"\x1f\x8b": ("compressed by gzip", "gunzip -k {path}"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "a CSV file, saved from the spreadsheet"),
    b"\xff\xfe": ("UTF-16 text", "iconv -f UTF-16 -t UTF-8 {path} > utf8.csv"),
    b"\xfe\xff": ("UTF-16 text", "iconv -f UTF-16 -t UTF-8 {path} > utf8.csv"),
}
"""First bytes of what people take for text, what it is, and what to do."""


def check_file(path: Path) -> bytes:
    """The first bytes of a file that is there, is a file and is not empty.

    Raises:
        DataError: code D10, saying which of these it is not.
    """
    if path.is_dir():
        inside = sorted(file.name for file in path.iterdir() if file.is_file())[:5]
        found = f"; in it are {', '.join(map(repr, inside))}" if inside else ""
        remedy = f"data.path={path / inside[0]}" if inside else "data.path=<a file>"
        raise DataError("D10", f"{path} is a folder; allowed a file{found}", remedy)
    if not path.exists():
        near = [file.name for file in path.parent.glob("*") if file.suffix.lower() == path.suffix.lower()][:3]
        found = f"; in {path.parent} are {', '.join(map(repr, sorted(near)))}" if near else ""
        raise DataError("D10", f"there is no file {path}{found}", "data.path=<the file>, from the folder you are in")
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip(b"\xef\xbb\xbf \r\n\t"):
        what = "is empty" if not start else "holds nothing but blanks"
        raise DataError("D10", f"{path} {what}; allowed names of columns and rows", "a file with rows")
    return start


def check_text(path: Path) -> None:
    """Refuse what is no text file.

    Raises:
        DataError: code D10, with what the file is and how to turn it into text.
    """
    start = check_file(path)
    for mark, (kind, remedy) in KINDS.items():
        if start.startswith(mark):
            raise DataError("D10", f"{path} is {kind}; allowed UTF-8 text", remedy.format(path=path))
    if b"\0" in start:
        line = start[: start.index(b"\0")].count(b"\n") + 1
        problem = f"{path}, line {line}: a zero byte, so this is no text or UTF-16; allowed UTF-8 text"
        raise DataError("D10", problem, f"iconv -f UTF-16LE -t UTF-8 {path} > utf8.csv")


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file, its line ends kept as they are.

    Raises:
        DataError: code D10, for bytes that are no UTF-8, with their line.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield file
        except UnicodeDecodeError as error:
            raise not_utf8(path) from error


def not_utf8(path: Path) -> DataError:
    """The error for a file whose bytes are no UTF-8; shows the line as Windows-1252, which it most often is."""
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        start = error.start
    else:  # pragma: no cover - called only where decoding failed
        start = 0
    line = data.count(b"\n", 0, start) + 1
    word = data[max(start - 12, data.rfind(b"\n", 0, start) + 1) : start + 12].split(b"\n")[0]
    shown = word.decode("cp1252", "replace").strip()
    problem = f"{path}, line {line}: byte 0x{data[start]:02x} is no UTF-8; as Windows-1252 it would read {shown!r}"
    remedy = f"iconv -f WINDOWS-1252 -t UTF-8 {path} > utf8.csv (or -f the encoding that it was saved in)"
    return DataError("D10", f"{problem}; allowed UTF-8", remedy)
