"""Label sets in one column."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchheads.errors import DataError
from torchheads.tables import column as column_module
from torchheads.tables.column import Column
from torchheads.tables.set_column import SetColumn
from torchheads.tables.table import Table

Make = Callable[..., Table]
ROWS = ("image,tags", "a.jpg,cat;dog", "b.jpg,", "c.jpg,dog; ape ;dog", "d.jpg,cat")


def test_by_hand(table_of: Make) -> None:
    """ape, cat, dog; what a cell names twice counts once, an empty cell is the empty set."""
    labels = SetColumn("tags", ";").read(table_of(*ROWS))
    assert labels.class_names == ("ape", "cat", "dog")
    expected = torch.tensor([[0, 1, 1], [0, 0, 0], [1, 0, 1], [0, 1, 0]], dtype=torch.bool)
    assert torch.equal(labels.target, expected)
    assert labels.mask is None


def test_numbers_in_order_of_size(table_of: Make) -> None:
    labels = SetColumn("tags", "|").read(table_of("image,tags", "a.jpg,10|9", "b.jpg,9"))
    assert labels.class_names == ("9", "10")
    assert labels.target.tolist() == [[True, True], [True, False]]


def test_spaces_between_labels(table_of: Make) -> None:
    labels = SetColumn("tags", " ").read(table_of("image,tags", "a.jpg,cat   dog", "b.jpg,"))
    assert labels.class_names == ("cat", "dog")
    assert labels.target.tolist() == [[True, True], [False, False]]


def test_typed_classes_fix_the_order(table_of: Make) -> None:
    labels = SetColumn("tags", ";").read(table_of(*ROWS), ["dog", "cow", "cat", "ape"])
    assert labels.class_names == ("dog", "cow", "cat", "ape")
    assert labels.target[2].tolist() == [True, False, False, True]


def test_a_label_that_is_no_typed_class(table_of: Make) -> None:
    with pytest.raises(
        DataError, match=r"TH-D22: .*labels.csv, line 4, column 'tags': label 'ape' is not in data.class_names"
    ):
        SetColumn("tags", ";").read(table_of(*ROWS), ["cat", "dog"])


@pytest.mark.parametrize("cell", ["cat;;dog", "cat;", ";cat", ";"])
def test_nothing_between_separators(table_of: Make, cell: str) -> None:
    with pytest.raises(
        DataError, match=r"TH-D22: .*labels.csv, line 3, column 'tags': .*none of them empty.*no ';' too many"
    ):
        SetColumn("tags", ";").read(table_of("image,tags", "a.jpg,cat", f"b.jpg,{cell}", "c.jpg,dog"))


@settings(max_examples=30)
@given(st.lists(st.sets(st.sampled_from("abcdef")), min_size=1, max_size=12), st.sampled_from([1, 1024]))
def test_a_slow_loop_says_the_same(sets: list[set[str]], few: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_module, "FEW", few)
        column = Column("tags")
        for row in sets:
            column.add([";".join(row)])
    table = object.__new__(Table)
    table.columns, table.starts = {"tags": column}, [0, len(sets)]
    labels = SetColumn("tags", ";").read(table, list("fedcba"))
    assert labels.target.tolist() == [[name in row for name in "fedcba"] for row in sets]


def test_in_words() -> None:
    assert str(SetColumn("tags", ";")) == "label sets in 'tags', separated by ';'"
    assert str(SetColumn("tags", "\x1f")) == "label sets in 'tags', lists"
    assert SetColumn("tags", ";").columns == ("tags",)
