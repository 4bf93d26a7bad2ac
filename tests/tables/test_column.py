"""A column gives back what was added, whichever way it keeps it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchheads.tables import column as column_module
from torchheads.tables.column import Column


def column_of(chunks: list[list[str]]) -> Column:
    column = Column("any")
    for chunk in chunks:
        column.add(chunk)
    return column


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three different texts are many."""
    monkeypatch.setattr(column_module, "FEW", 2)


CHUNKS = st.lists(st.lists(st.text("ab \n猫", max_size=3), min_size=1, max_size=5), max_size=5)


@given(CHUNKS, st.integers(1, 4), st.integers(0, 3), st.sampled_from([1, 1024]))
def test_what_was_added_comes_back(chunks: list[list[str]], step: int, first: int, few: int) -> None:
    expected = [text.strip() for chunk in chunks for text in chunk]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_module, "FEW", few)
        column = column_of(chunks)
    assert column.texts() == list(column) == expected
    assert len(column) == len(expected)
    assert column.distinct() == list(dict.fromkeys(expected))
    assert list(column.every(step, first)) == expected[first::step]
    assert [column.at(row) for row in range(len(expected))] == expected


def test_codes_choose_from_texts() -> None:
    column = Column("hat")
    column.add(["0", "1"], np.array([1, 0, 1]))
    column.add(["1", ""], np.array([1, 0]))
    assert column.texts() == ["1", "0", "1", "", "1"]


@pytest.mark.usefixtures("short_memory")
def test_codes_choose_from_many_texts() -> None:
    column = column_of([["a", "b", "c", "d"]])
    assert not column.has_few
    column.add(["e", "f "], np.array([1, 1, 0]))
    assert column.texts() == ["a", "b", "c", "d", "f", "f", "e"]


def test_few_texts_are_a_byte_each() -> None:
    column = column_of([["0", "1"] * 5000])
    assert column.has_few
    (piece,) = column.pieces()
    assert piece.codes.nbytes == 10_000


def test_many_texts_are_one_long_text() -> None:
    names = [f"picture_{row:05d}.jpg" for row in range(5000)]
    column = column_of([names[:2500], names[2500:]])
    assert not column.has_few
    assert column.texts() == names


def test_many_rows_of_many_texts_stay_codes() -> None:
    """2,000 different texts in 6,000 rows: fewer than half, so that what depends on the text is done 2,000 times."""
    texts = [str(number) for number in range(2000)]
    column = Column("any")
    for start in range(0, 2000, 500):
        column.add([text for text in texts[start : start + 500] for _ in range(3)])
    assert column.has_few
    assert len(column.distinct()) == 2000
    assert len(column) == 6000
