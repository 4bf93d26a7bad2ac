"""What may be said of columns, and what excludes each other."""

from typing import Any

import pytest

from torchheads.errors import DataError
from torchheads.tables.class_column import ClassColumn
from torchheads.tables.column_options import ColumnOptions, FoundColumns, column_options


def test_nothing_said() -> None:
    assert column_options({}) == ColumnOptions()
    assert column_options({"image": None, "ignore": [], "labels": None}) == ColumnOptions()


def test_one_column_to_ignore_needs_no_list() -> None:
    assert column_options({"ignore": "id"}).ignore == ("id",)
    assert column_options({"ignore": None}).ignore == ()


def test_columns_with_a_role() -> None:
    assert column_options({"image": "a", "labels": ["b", "c"], "split": "d"}).named() == ("a", "b", "c", "d")
    assert column_options({"labels": "tags"}).named() == ("tags",)


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"lables": "x"}, "D20", "data.columns.labels=..."),
        ({"label": "x", "labels": "y"}, "D21", "label for exactly one class a row"),
        ({"label": "x", "image": "x"}, "D21", "column 'x' has two roles"),
        ({"label": "x", "ignore": ["x"]}, "D21", "column 'x' has two roles"),
        ({"labels": ["x", "x"]}, "D21", "column 'x' has two roles"),
    ],
)
def test_what_cannot_be(given: dict[str, Any], code: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        column_options(given)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_found_in_one_line() -> None:
    found = FoundColumns("file", ClassColumn("species"), "split", {"id": "counts the rows"})
    assert str(found) == (
        "pictures in 'file', one class a row in 'species', splits in 'split'; unused: 'id' (counts the rows)"
    )
    assert (
        str(FoundColumns("file", ClassColumn("species"), None, {}))
        == "pictures in 'file', one class a row in 'species'"
    )
