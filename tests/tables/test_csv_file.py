"""CSV files of people: marks, line ends, quotes, delimiters; and every fault with the line an editor shows."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchheads.errors import DataError
from torchheads.tables import csv_file
from torchheads.tables.csv_file import CsvFile
from torchheads.tables.table import Table


def written(folder: Path, data: str | bytes) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def cells(path: Path, delimiter: str | None = None) -> dict[str, list[str]]:
    table = Table([CsvFile(path, delimiter)])
    return {name: column.texts() for name, column in table.columns.items()}


def refused(path: Path, code: str = "D10") -> DataError:
    with pytest.raises(DataError) as caught:
        cells(path)
    assert caught.value.code == code
    return caught.value


PLAIN = {"image": ["a.jpg", "b.jpg"], "label": ["cat", "dog"]}


@pytest.mark.parametrize(
    "data",
    [
        "image,label\na.jpg,cat\nb.jpg,dog\n",
        "image,label\na.jpg,cat\nb.jpg,dog",  # no line end after the last row
        b"\xef\xbb\xbfimage,label\na.jpg,cat\nb.jpg,dog\n",  # a byte-order mark
        "image,label\r\na.jpg,cat\r\nb.jpg,dog\r\n",  # CRLF
        "image,label\ra.jpg,cat\rb.jpg,dog\r",
        " image ,label  \na.jpg ,cat \n\tb.jpg, dog\t\n",  # spaces around
        '"image","label"\n"a.jpg","cat"\nb.jpg,"dog"\n',
        "\nimage,label\n\na.jpg,cat\n   \nb.jpg,dog\n\n\n",  # lines without text
        "image;label\na.jpg;cat\nb.jpg;dog\n",
        "image\tlabel\na.jpg\tcat\nb.jpg\tdog\n",
        "image|label\na.jpg|cat\nb.jpg|dog\n",
    ],
)
def test_the_same_table(tmp_path: Path, data: str | bytes) -> None:
    assert cells(written(tmp_path, data)) == PLAIN


def test_quotes_hold_delimiters_quotes_and_lines(tmp_path: Path) -> None:
    path = written(tmp_path, 'image,label\n"a,b.jpg","say ""cat"""\nb.jpg,"two\nlines"\n')
    assert cells(path) == {"image": ["a,b.jpg", "b.jpg"], "label": ['say "cat"', "two\nlines"]}


def test_a_quote_inside_a_cell_is_a_letter(tmp_path: Path) -> None:
    assert cells(written(tmp_path, 'image,label\na.jpg,5" pipe\n'))["label"] == ['5" pipe']


@pytest.mark.parametrize(("rows", "blank"), [(511, 0), (512, 0), (513, 0), (1100, 600), (10, 1600)])
def test_many_rows(tmp_path: Path, rows: int, blank: int) -> None:
    """Around the number of rows read at once, also where a whole piece holds no text."""
    lines = [f"{row}.jpg,{row % 3}" for row in range(rows)]
    path = written(tmp_path, "\n".join(["image,label", *[""] * blank, *lines]))
    assert cells(path) == {
        "image": [f"{row}.jpg" for row in range(rows)],
        "label": [str(row % 3) for row in range(rows)],
    }
    assert CsvFile(path).where(rows - 1) == f"{path}, line {rows + blank + 1}"


def test_lines_are_those_of_an_editor(tmp_path: Path) -> None:
    path = written(tmp_path, '\nimage,label\na.jpg,"two\nlines"\n\nb.jpg,dog\n')
    file = CsvFile(path)
    assert [file.where(row) for row in (0, 1)] == [f"{path}, line 3", f"{path}, line 6"]
    assert file.where_names() == f"{path}, line 2"


@pytest.mark.parametrize(
    ("row", "count", "remedy"),
    [("b.jpg", "1 cell,", "every cell, empty ones too"), ("b.jpg,dog,x", "3 cells,", "holds a comma")],
)
def test_a_ragged_row(tmp_path: Path, row: str, count: str, remedy: str) -> None:
    error = refused(written(tmp_path, f'image,label\na.jpg,"two\nlines"\n{row}\nc.jpg,cat\n'))
    assert f"labels.csv, line 4: {count} the header has 2 (image, label)" in error.problem
    assert remedy in error.remedy


def test_a_ragged_row_far_down(tmp_path: Path) -> None:
    lines = ["image,label", *(f"{row}.jpg,cat" for row in range(2000))]
    lines[1501] = "no label"
    assert "line 1502: 1 cell," in refused(written(tmp_path, "\n".join(lines))).problem


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ('image,label\na.jpg,cat\nb.jpg,"dog\nc.jpg,cat\n', 3),  # never closed
        ('image,label\na.jpg,"cat"s\nb.jpg,dog\n', 2),  # closed too early
        ('image,label\na.jpg,"' + "x" * 140_000 + "\nb.jpg,dog\n", 2),  # longer than any cell
    ],
)
def test_quotes_that_do_not_end_well(tmp_path: Path, data: str, line: int) -> None:
    error = refused(written(tmp_path, data))
    assert f"line {line}: a cell with quotes" in error.problem
    assert f"from line {line} on" in error.remedy


def test_a_header_alone(tmp_path: Path) -> None:
    assert "no row" in refused(written(tmp_path, "image,label\n")).problem


def test_a_row_instead_of_a_header(tmp_path: Path) -> None:
    error = refused(written(tmp_path, "a.jpg,cat\nb.jpg,dog\n"))
    assert "line 1 holds 'a.jpg', so it is a row" in error.problem
    assert "image,label" in error.remedy


def test_a_name_twice(tmp_path: Path) -> None:
    error = refused(written(tmp_path, "image,cat, cat \na.jpg,1,0\n"), "D20")
    assert "line 1: columns 2 and 3 are both named 'cat'" in error.problem


def test_two_columns_without_name(tmp_path: Path) -> None:
    assert "both named ''" in refused(written(tmp_path, ",image,\n0,a.jpg,1\n"), "D20").problem


def test_rows_decide_between_delimiters(tmp_path: Path) -> None:
    assert cells(written(tmp_path, "image;cat,dog\na.jpg;1\nb.jpg;0\n")) == {
        "image": ["a.jpg", "b.jpg"],
        "cat,dog": ["1", "0"],
    }


def test_a_doubtful_delimiter_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "image;x,label\na.jpg;1,cat\n")
    error = refused(path, "D21")
    assert "comma and semicolon" in error.problem
    assert error.remedy == "data.columns.delimiter=comma or data.columns.delimiter=semicolon"
    assert cells(path, "semicolon") == cells(path, ";") == {"image": ["a.jpg"], "x,label": ["1,cat"]}


def test_a_delimiter_is_one_letter(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="TH-D21: delimiter 'ab'"):
        CsvFile(written(tmp_path, "a,b\n1,2\n"), "ab")
    assert cells(written(tmp_path, "a\tb\n1\t2\n"), r"\t") == {"a": ["1"], "b": ["2"]}


TEXT = st.text("a, ;\t|\"\n'é", max_size=4)


@settings(max_examples=30)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=6))
def test_what_python_writes_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("x", "y", "z"), *rows])
    path = written(tmp_path_factory.mktemp("table"), text.getvalue())
    expected = [list(column) for column in zip(*rows, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "CHUNK", 2)
        assert list(cells(path).values()) == [[cell.strip() for cell in column] for column in expected]
