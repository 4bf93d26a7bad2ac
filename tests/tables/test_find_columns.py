"""Roles of columns by what their cells hold; where they leave a doubt, what to type."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from torchheads.errors import DataError
from torchheads.tables.column_options import FoundColumns, column_options
from torchheads.tables.find_columns import find_columns
from torchheads.tables.table import Table

Make = Callable[..., Table]


def found(table: Table, root: Path = Path("."), **options: Any) -> FoundColumns:
    return find_columns(table, column_options(options), root)


def refused(table: Table, root: Path = Path("."), code: str = "D21", **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        found(table, root, **options)
    assert caught.value.code == code
    return caught.value


def test_the_columns_of_a_plain_table(table_of: Make) -> None:
    columns = found(table_of("species,file,Split", "cat,a.jpg,train", "dog,b.PNG,test"))
    assert (columns.image, columns.labels.columns, columns.split) == ("file", ("species",), "Split")
    assert columns.unused == {}


def test_pictures_without_ending_are_found_in_the_folder(table_of: Make, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).touch()
    table = table_of("picture,species", "one,cat", "two,dog")
    assert found(table, tmp_path).image == "picture"
    error = refused(table, tmp_path / "elsewhere")
    assert "none of the columns 'picture', 'species' holds names of picture files" in error.problem
    assert "data.root=" in error.remedy


def test_two_columns_of_pictures(table_of: Make) -> None:
    table = table_of("image,mask,species", "a.jpg,a.png,cat", "b.jpg,b.png,dog")
    assert refused(table).remedy == "data.columns.image=image or data.columns.image=mask"
    columns = found(table, image="image")
    assert columns.unused == {"mask": "pictures too"}
    assert columns.labels.columns == ("species",)


def test_splits_by_another_name_are_asked_for(table_of: Make) -> None:
    table = table_of("image,species,subset", "a.jpg,cat,train", "b.jpg,dog,test")
    error = refused(table)
    assert "column 'subset': holds names of splits" in error.problem
    assert error.remedy.startswith("data.columns.split=subset, or data.columns.ignore=[subset]")
    assert found(table, split="subset").split == "subset"


def test_splits_by_name_are_not_labels(table_of: Make) -> None:
    columns = found(table_of("image,hat,split", "a.jpg,1,train", "b.jpg,0,test"), labels=["hat"])
    assert columns.split == "split"


@pytest.mark.parametrize("name", ["", "id", "Unnamed: 0", "number"])
def test_a_column_that_counts_the_rows(table_of: Make, name: str) -> None:
    columns = found(table_of(f"{name},image,species", "0,a.jpg,cat", "1,b.jpg,dog", "2,c.jpg,cat"))
    assert columns.labels.columns == ("species",)
    assert columns.unused == {name: "counts the rows"}


def test_two_rows_of_an_index_beside_0_and_1(table_of: Make) -> None:
    """0, 1 down a column without a name is an index, in a column with a name it may be a label."""
    lines = ("image,hat", "a.jpg,1", "b.jpg,0")
    columns = found(
        table_of(*(f"{'' if row == 0 else row - 1},{line}" for row, line in enumerate(lines))), labels=["hat"]
    )
    assert columns.labels.columns == ("hat",)
    columns = found(table_of("image,tie,hat", "a.jpg,0,1", "b.jpg,1,0"))
    assert columns.labels.columns == ("tie", "hat")


def test_a_trailing_delimiter_on_every_line(table_of: Make) -> None:
    columns = found(table_of("image,species,", "a.jpg,cat,", "b.jpg,dog,"))
    assert columns.unused == {"": "empty"}


def test_a_column_that_differs_in_every_row(table_of: Make) -> None:
    rows = [f"{row}.jpg,{'cat' if row % 2 else 'dog'},{1000 + row * 7 % 20}" for row in range(20)]
    columns = found(table_of("image,species,id", *rows))
    assert columns.labels.columns == ("species",)
    assert columns.unused == {"id": "different in every row"}


def test_label_sets_may_differ_in_every_row(table_of: Make) -> None:
    rows = [f"{row}.jpg,{row};{row + 1},x" for row in range(20)]
    columns = found(table_of("image,what,same", *rows), ignore=["same"], labels="what")
    assert columns.labels.columns == ("what",)
    error = refused(table_of("image,what,same", *rows))
    assert "'what', 'same'" in error.problem


def test_labels_alone_are_never_unused(table_of: Make) -> None:
    """Three rows of three classes, numbered: all that is left is the label column."""
    columns = found(table_of("image,digit", "a.jpg,0", "b.jpg,1", "c.jpg,2"))
    assert columns.labels.columns == ("digit",)


def test_what_was_not_asked_for_is_said(table_of: Make) -> None:
    columns = found(table_of("image,species,place", "a.jpg,cat,x", "b.jpg,dog,y"), label="species")
    assert columns.unused == {"place": "not asked for"}


@pytest.mark.parametrize("role", ["image", "label", "labels", "split"])
def test_a_role_for_a_column_that_there_is_not(table_of: Make, role: str) -> None:
    error = refused(table_of("image,species", "a.jpg,cat"), code="D20", **{role: "specis"})
    assert error.problem.startswith(f"data.columns.{role}='specis' is no column of")
    assert error.remedy == f"data.columns.{role}=species"
