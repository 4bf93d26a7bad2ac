"""What is no UTF-8 text is named for what it is; code D10."""

import gzip
from pathlib import Path

import pytest

from torchheads.errors import DataError
from torchheads.tables.text_file import check_file, check_text, open_text


def read(path: Path) -> str:
    check_text(path)
    with open_text(path) as file:
        return file.read()


def refused(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.code == "D10"
    assert str(path) in caught.value.problem
    return caught.value


def test_a_missing_file_names_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("a,b")
    error = refused(tmp_path / "lables.csv")
    assert "there is no file" in error.problem
    assert "'labels.csv'" in error.problem


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "labels.csv").write_text("a,b")
    error = refused(folder)
    assert "is a folder; allowed a file" in error.problem
    assert error.remedy == f"data.path={folder / 'labels.csv'}"


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "is empty"), (b"\xef\xbb\xbf", "nothing but blanks"), (b"\n  \r\n", "nothing but blanks")],
)
def test_an_empty_file(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    assert says in refused(path).problem


@pytest.mark.parametrize(
    ("data", "says", "remedy"),
    [
        (b"PK\x03\x04xl", "an Excel workbook", "saved from the spreadsheet"),
        (b"\xd0\xcf\x11\xe0old", "an old Excel workbook", "saved from the spreadsheet"),
        (gzip.compress(b"image,label", mtime=0), "compressed by gzip", "gunzip -k {path}"),
        ("image,label".encode("utf-16"), "UTF-16 text", "iconv -f UTF-16 -t UTF-8 {path} > utf8.csv"),
        ("image\nlabel".encode("utf-16-le"), "line 1: a zero byte", "iconv -f UTF-16LE -t UTF-8 {path} > utf8.csv"),
        (b"image\nlabel\0", "line 2: a zero byte", "iconv -f UTF-16LE"),
    ],
)
def test_what_is_no_text(tmp_path: Path, data: bytes, says: str, remedy: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    error = refused(path)
    assert says in error.problem
    assert remedy.format(path=path) in error.remedy


def test_another_encoding_names_line_and_word(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes("image,label\na.jpg,cat\nb.jpg,café noir\nc.jpg,dog\n".encode("cp1252"))
    error = refused(path)
    assert (
        error.problem
        == f"{path}, line 3: byte 0xe9 is no UTF-8; as Windows-1252 it would read 'b.jpg,café noir'; allowed UTF-8"
    )
    assert error.remedy.startswith(f"iconv -f WINDOWS-1252 -t UTF-8 {path} > utf8.csv")


def test_a_late_byte_in_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"a.jpg,cat\n" * 50_000 + b"b.jpg,caf\xe9\n")
    assert "line 50001: byte 0xe9" in refused(path).problem


def test_a_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbfimage,label\r\n")
    assert read(path) == "image,label\r\n"
    assert check_file(path).startswith(b"\xef\xbb\xbf")
