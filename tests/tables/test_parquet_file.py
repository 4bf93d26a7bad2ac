"""Parquet files as texts of cells; pyarrow is an extra."""

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from torchheads.errors import DataError
from torchheads.tables import parquet_file
from torchheads.tables.parquet_file import ParquetFile
from torchheads.tables.table import Table, open_table

COLUMNS: dict[str, Any] = {
    "image": ["a.jpg", "b.jpg", "c.jpg"],
    "flag": [True, False, None],
    "number": [3, 1, 2],
    "whole": pa.array([1.0, 0.0, None]),
    "hole": pa.array([1.0, float("nan"), 0.5]),
    "name": pa.array(["cat ", None, "dog"], pa.large_string()),
    "coded": pa.array(["x", "y", None]).dictionary_encode(),
    "tags": [["cat", "dog"], [], None],
}
CELLS = {
    "image": ["a.jpg", "b.jpg", "c.jpg"],
    "flag": ["1", "0", ""],
    "number": ["3", "1", "2"],
    "whole": ["1", "0", ""],
    "hole": ["1", "", "0.5"],
    "name": ["cat", "", "dog"],
    "coded": ["x", "y", ""],
    "tags": ["cat\x1fdog", "", ""],
}


def written(folder: Path, columns: dict[str, Any], name: str = "labels.parquet") -> Path:
    path = folder / name
    parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("chunk", [1, 2, 65536])
def test_every_kind_of_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(parquet_file, "CHUNK", chunk)
    table = Table([ParquetFile(written(tmp_path, COLUMNS))])
    assert {name: column.texts() for name, column in table.columns.items()} == CELLS
    assert table.columns["tags"].separator == "\x1f"
    assert table.columns["name"].separator is None


def test_a_row_is_counted_from_one(tmp_path: Path) -> None:
    path = written(tmp_path, COLUMNS)
    assert Table([ParquetFile(path)]).where(1, "flag") == f"{path}, row 2, column 'flag'"


def test_what_a_file_holds_counts_not_its_name(tmp_path: Path) -> None:
    assert isinstance(open_table(written(tmp_path, COLUMNS, "labels.csv")), ParquetFile)


def test_a_parquet_name_on_another_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    path.write_text("image,label\na.jpg,cat\n")
    with pytest.raises(DataError, match=r"TH-D10: .*labels.parquet is no Parquet file"):
        open_table(path)


def test_a_damaged_file(tmp_path: Path) -> None:
    path = written(tmp_path, COLUMNS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"TH-D10: .*labels.parquet cannot be read as Parquet \("):
        open_table(path)


def test_a_file_damaged_inside(tmp_path: Path) -> None:
    path = written(tmp_path, COLUMNS)
    data = bytearray(path.read_bytes())
    data[8:60] = bytes(52)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"TH-D10: .*labels.parquet cannot be read as Parquet"):
        Table([open_table(path)])


def test_no_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"TH-D10: .*no row"):
        Table([ParquetFile(written(tmp_path, {"image": pa.array([], pa.string())}))])


def test_a_name_twice(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["cat", "cat"]), path)
    with pytest.raises(DataError, match=r"TH-D20: .*columns 1 and 2 are both named 'cat'"):
        ParquetFile(path)


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, COLUMNS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"TH-D10: .*pyarrow.*Try: pip install 'torchheads\[parquet\]'"):
        open_table(path)
