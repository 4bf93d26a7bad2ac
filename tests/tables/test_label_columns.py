"""Order of classes, class names as typed, and the helpers that find a wrong cell."""

from collections.abc import Callable

import pytest

from torchheads.errors import DataError
from torchheads.tables.label_columns import REJECTED, check_cells, class_list, coded, found_classes, ordered
from torchheads.tables.table import Table


def test_numbers_in_order_of_size_words_in_order_of_letters() -> None:
    assert ordered(["10", "9", "-1", "2.5"]) == ["-1", "2.5", "9", "10"]
    assert ordered({"b", "a", "10", "9"}) == ["10", "9", "a", "b"]
    assert ordered(["Ape", "ant"]) == ["Ape", "ant"]


@pytest.mark.parametrize("names", [["1", "1.0", "2"], ["01", "1"]])
def test_one_number_in_two_spellings(names: list[str]) -> None:
    with pytest.raises(DataError, match=r"TH-D07: labels.csv: the classes .* are the same number"):
        found_classes(names, "labels.csv")


def test_one_word_with_its_letters_put_together_in_two_ways() -> None:
    composed, apart = "gr\u00fcn", "gru\u0308n"
    with pytest.raises(DataError, match=r"TH-D07: labels.csv: two classes look like .*Try: unicodedata.normalize"):
        found_classes([composed, "rot", apart], "labels.csv")
    assert found_classes([apart, "rot"], "labels.csv") == (apart, "rot")


def test_words_that_hold_numbers_are_different() -> None:
    assert found_classes(["1", "1.0", "x"], "labels.csv") == ("1", "1.0", "x")


@pytest.mark.parametrize(
    ("names", "fault"), [([], "no name"), (["cat", " "], "an empty name"), (["cat", "dog", "cat "], "'cat' twice")]
)
def test_class_names_that_tell_nothing_apart(names: list[str], fault: str) -> None:
    with pytest.raises(DataError, match=f"TH-D07: data.class_names has {fault}"):
        class_list(names)


def test_class_names_are_texts() -> None:
    assert class_list([3, " cat "]) == ("3", "cat")  # type: ignore[list-item]


def test_the_first_wrong_cell_is_named(table_of: Callable[..., Table]) -> None:
    table = table_of("image,hat", "a.jpg,1", "b.jpg,two", "c.jpg,", "d.jpg,two")
    column = table.columns["hat"]
    codes = coded(column, lambda text: 1 if text == "1" else REJECTED)
    assert codes.tolist() == [1, REJECTED, REJECTED, REJECTED]
    with pytest.raises(
        DataError, match=r"TH-D22: .*labels.csv, line 3, column 'hat': 'two' \(3 such cells\); allowed 1"
    ):
        check_cells(table, column, codes, "1", "1")
    check_cells(table, column, codes[:1], "1", "1")
