"""Which columns hold labels, and in which shape: by the cells; a doubt is an error that says what to type."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from torchheads.errors import DataError
from torchheads.tables.class_column import ClassColumn
from torchheads.tables.column import Column
from torchheads.tables.column_options import column_options
from torchheads.tables.find_columns import find_columns
from torchheads.tables.find_labels import shape_of
from torchheads.tables.flag_columns import FlagColumns
from torchheads.tables.label_columns import LabelColumns
from torchheads.tables.set_column import SetColumn
from torchheads.tables.table import Table

Make = Callable[..., Table]


def shape(table: Table, **options: Any) -> LabelColumns:
    return find_columns(table, column_options(options), Path(".")).labels


def asked(table: Table, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        shape(table, **options)
    assert caught.value.code == "D21"
    assert "labels.csv, line 1" in caught.value.problem
    return caught.value.remedy


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("species", ("cat", "dog"), "one class a row in 'species'"),
        ("digit", ("3", "4"), "one class a row in 'digit'"),
        ("label", ("0", "1"), "one class a row in 'label'"),
        ("Target", ("0", "1"), "one class a row in 'Target'"),
        ("species", ("polar bear", "dog"), "one class a row in 'species'"),
        ("labels", ("cat", "dog"), "one class a row in 'labels'"),
        ("found", ("cat;dog", ""), "label sets in 'found', separated by ';'"),
        ("found", ("cat|dog", "cat"), "label sets in 'found', separated by '|'"),
        ("found", ("a, b;c", "c"), "label sets in 'found', separated by ';'"),
        ("tags", ("cat, dog", "cat"), "label sets in 'tags', separated by ','"),
        ("hat,tie", ("0,1", "1,"), "2 labels of 0 and 1, 'hat' to 'tie'"),
        ("hat,label", ("x,cat", "x,dog"), "one class a row in 'label'"),
        ("caption,tags", ("x,cat;dog", "x;y,"), "label sets in 'tags', separated by ';'"),
    ],
)
def test_found(table_of: Make, header: str, cells: tuple[str, str], expected: str) -> None:
    quoted = [cell if header.count(",") else f'"{cell}"' for cell in cells]
    assert str(shape(table_of(f"image,{header}", f"a.jpg,{quoted[0]}", f"b.jpg,{quoted[1]}"))) == expected


@pytest.mark.parametrize(
    ("header", "cells", "remedy"),
    [
        (
            "smiling",
            ("0", "1"),
            "data.columns.labels=[smiling] for one label, data.columns.label=smiling for the classes",
        ),
        ("species", ('"bear, polar"', "dog"), "data.columns.labels=species data.columns.separator=',' for sets, "),
        ("labels", ("cat", ""), "data.columns.labels=labels where an empty cell means no label"),
        ("weight", ("0.5", "1"), "data.columns.label=weight if they are classes"),
        ("tags", ("cat;dog", "cat|ant"), "data.columns.separator=';' or data.columns.separator='|'"),
        ("species,place", ("cat,x", "dog,y"), "data.columns.label=species (or another) for exactly one class a row"),
        ("hat,species", ("0,cat", "1,dog"), "data.columns.labels=[hat] for these 0 and 1"),
        ("label,hat", ("cat,0", "dog,1"), "data.columns.labels=[hat]"),
        ("label,hat", ("0,0", "1,1"), "data.columns.labels=[label,hat]"),
        ("label,class", ("cat,x", "dog,y"), "data.columns.label=label"),
        (
            "hat,is_valid,tie",
            ("0,0,1", "1,1,1"),
            "data.columns.ignore=[is_valid], or data.columns.labels=[is_valid,hat,tie]",
        ),
        ("hat,Fold,tie", ("0,0,1", "1,1,1"), "data.columns.ignore=[Fold]"),
        ("id,hat,tie", ("1,0,1", "0,1,1"), "data.columns.ignore=[id]"),
        ("hat,empty", ("0,", "1,"), "data.columns.ignore=[...]"),
    ],
)
def test_a_doubt_is_asked_for(table_of: Make, header: str, cells: tuple[str, str], remedy: str) -> None:
    assert remedy in asked(table_of(f"image,{header}", f"a.jpg,{cells[0]}", f"b.jpg,{cells[1]}"))


def test_no_column_left(table_of: Make) -> None:
    assert asked(table_of("image,split", "a.jpg,train")) == "a column with the labels"


def test_nearly_each_row_another_class(table_of: Make) -> None:
    table = table_of("image,name", *(f"{row}.jpg,n{max(9, row)}" for row in range(20)))
    assert asked(table) == "data.columns.label=name if they are classes"
    assert shape(table, label="name").columns == ("name",)
    assert shape(table_of("image,name", *(f"{row}.jpg,n{max(10, row)}" for row in range(20)))).columns == ("name",)
    assert shape(table_of("image,name", *(f"{row}.jpg,n{row}" for row in range(19)))).columns == ("name",)


def test_one_cell_among_many_that_is_neither(table_of: Make) -> None:
    """Columns of 0 and 1 with a slip: the shape is clear, and reading it names the cell."""
    table = table_of("image,hat,tie", "a.jpg,1,0", "b.jpg,0,1", "c.jpg,1,0", "d.jpg,0,yes")
    labels = shape(table)
    with pytest.raises(DataError, match=r"TH-D22: .*labels.csv, line 5, column 'tie': 'yes'"):
        labels.read(table)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"label": "hat"}, ClassColumn("hat")),
        ({"labels": ["hat"]}, FlagColumns(["hat"])),
        ({"labels": ["tie", "hat"]}, FlagColumns(["tie", "hat"])),
        ({"labels": "what"}, SetColumn("what", ";")),
        ({"labels": "what", "separator": " "}, SetColumn("what", " ")),
    ],
)
def test_what_is_said_counts(table_of: Make, options: dict[str, Any], expected: LabelColumns) -> None:
    table = table_of("image,hat,tie,what", "a.jpg,1,0,cat dog", "b.jpg,0,1,cat")
    assert vars(shape(table, **options)) == vars(expected)
    assert type(shape(table, **options)) is type(expected)


def test_label_sets_of_0_and_1_are_a_slip(table_of: Make) -> None:
    assert "data.columns.labels=[hat]" in asked(table_of("image,hat", "a.jpg,1", "b.jpg,0"), labels="hat")


def test_commas_where_sets_were_asked_for(table_of: Make) -> None:
    assert vars(shape(table_of("image,what", 'a.jpg,"cat, dog"', "b.jpg,cat"), labels="what"))["separator"] == ","


def test_a_column_of_lists(table_of: Make) -> None:
    column = Column("what", "\x1f")
    column.add(["cat", "dog"])
    assert vars(shape_of(table_of("image,what", "a.jpg,x"), column, None))["separator"] == "\x1f"
