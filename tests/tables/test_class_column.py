"""One class a row: indices in order of names, and cells that hold none."""

from collections.abc import Callable

import pytest
import torch

from torchheads.errors import DataError
from torchheads.tables.class_column import ClassColumn
from torchheads.tables.table import Table

Make = Callable[..., Table]
ROWS = ("image,species", "a.jpg,dog", "b.jpg,cat ", "c.jpg,dog", "d.jpg,ape")


def test_by_hand(table_of: Make) -> None:
    """ape, cat, dog are 0, 1, 2."""
    labels = ClassColumn("species").read(table_of(*ROWS))
    assert labels.class_names == ("ape", "cat", "dog")
    assert torch.equal(labels.target, torch.tensor([2, 1, 2, 0]))
    assert labels.mask is None


def test_numbers(table_of: Make) -> None:
    labels = ClassColumn("digit").read(table_of("image,digit", "a.jpg,10", "b.jpg,9", "c.jpg,10"))
    assert labels.class_names == ("9", "10")
    assert labels.target.tolist() == [1, 0, 1]


def test_typed_classes_fix_the_order(table_of: Make) -> None:
    labels = ClassColumn("species").read(table_of(*ROWS), ["dog", "cow", "cat", "ape"])
    assert labels.class_names == ("dog", "cow", "cat", "ape")
    assert labels.target.tolist() == [0, 2, 0, 3]


def test_a_label_that_is_no_typed_class(table_of: Make) -> None:
    with pytest.raises(
        DataError, match=r"TH-D22: .*labels.csv, line 5, column 'species': label 'ape' is not in"
    ) as caught:
        ClassColumn("species").read(table_of(*ROWS), ["cat", "dog"])
    assert caught.value.remedy == "ape in data.class_names"
    with pytest.raises(DataError, match=r"line 3.*'cat'.*Try: cats there, or cat in data.class_names"):
        ClassColumn("species").read(table_of(*ROWS), ["cats", "dog", "ape"])


def test_an_empty_cell(table_of: Make) -> None:
    with pytest.raises(DataError, match=r"TH-D22: .*labels.csv, line 3, column 'label': an empty cell") as caught:
        ClassColumn("label").read(table_of("image,label", "a.jpg,cat", "b.jpg, ", "c.jpg,dog"))
    assert "data.columns.labels=label where an empty cell means no label" in caught.value.remedy


def test_one_class_in_every_row(table_of: Make) -> None:
    with pytest.raises(DataError, match=r"TH-D07: .*one class, 'cat', in every row"):
        ClassColumn("label").read(table_of("image,label", "a.jpg,cat", "b.jpg,cat"))


def test_in_words() -> None:
    assert str(ClassColumn("species")) == "one class a row in 'species'"
    assert ClassColumn("species").columns == ("species",)
