"""A table out of several files: columns by name, places by file and line."""

from pathlib import Path

import pytest

from torchheads.errors import DataError
from torchheads.tables.table import Table, listed, open_table


def table_of(folder: Path, *texts: str, ignore: tuple[str, ...] = ()) -> Table:
    files = []
    for number, text in enumerate(texts):
        path = folder / f"{'abc'[number]}.csv"
        path.write_text(text)
        files.append(open_table(path))
    return Table(files, ignore)


def test_columns_are_aligned_by_name(tmp_path: Path) -> None:
    table = table_of(tmp_path, "image,cat,dog\na.jpg,1,0\n", "dog,image,cat\n0,b.jpg,1\n1,c.jpg,0\n")
    assert list(table.columns) == ["image", "cat", "dog"]
    assert table.columns["cat"].texts() == ["1", "1", "0"]
    assert table.columns["dog"].texts() == ["0", "0", "1"]
    assert table.starts == [0, 1, 3]
    assert table.where(0) == f"{tmp_path / 'a.csv'}, line 2"
    assert table.where(1) == f"{tmp_path / 'b.csv'}, line 2"
    assert table.where(2, "dog") == f"{tmp_path / 'b.csv'}, line 3, column 'dog'"


def test_delimiters_differ_between_files(tmp_path: Path) -> None:
    table = table_of(tmp_path, "image,cat\na.jpg,1\n", "image;cat\nb.jpg;0\n")
    assert table.columns["image"].texts() == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_column_that_another_file_lacks(tmp_path: Path, swapped: bool) -> None:
    texts = ["image,cat,dog\na.jpg,1,0\n", "image,cat\nb.jpg,1\n"]
    lacks = tmp_path / ("a.csv" if swapped else "b.csv")
    with pytest.raises(DataError, match=f"TH-D20: {lacks}, line 1: no column 'dog', which .*ignore=\\[dog\\]"):
        table_of(tmp_path, *(reversed(texts) if swapped else texts))
    table = table_of(tmp_path, *texts, ignore=("dog",))
    assert list(table.columns) == ["image", "cat"]
    assert table.columns["cat"].texts() == ["1", "1"]


def test_an_empty_second_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"TH-D10: .*b.csv has names of columns and no row"):
        table_of(tmp_path, "image,cat\na.jpg,1\n", "image,cat\n")


def test_an_unknown_column_with_the_nearest(tmp_path: Path) -> None:
    table = table_of(tmp_path, "image,species\na.jpg,cat\n")
    with pytest.raises(
        DataError, match=r"TH-D20: data.columns.label='specis' is no column of .*'image', 'species'"
    ) as caught:
        table.column("specis", "data.columns.label")
    assert caught.value.remedy == "data.columns.label=species"


def test_many_names_are_cut() -> None:
    assert listed(map(str, range(14))).endswith("'11' and 2 more")


@pytest.mark.parametrize(("name", "near"), [("foto", "image"), ("specis", "species"), ("q", "image")])
def test_the_nearest_column_by_its_name_or_by_what_it_is_for(tmp_path: Path, name: str, near: str) -> None:
    table = table_of(tmp_path, "species,image\ncat,a.jpg\n")
    with pytest.raises(DataError) as caught:
        table.column(name, "data.columns.image")
    assert caught.value.remedy == f"data.columns.image={near}"
    with pytest.raises(DataError) as caught:
        table.column("q", "data.columns.of_nothing")
    assert caught.value.remedy == "data.columns.of_nothing=<one of them>"
