"""What cells look like, by hand."""

import pytest

from torchheads.tables.column import Column
from torchheads.tables.column_kinds import (
    counts_rows,
    flag_share,
    has_fractions,
    is_different_everywhere,
    is_empty,
    is_flags,
    is_mostly_different,
    is_pictures,
    separators_in,
    spread,
)


def column(*texts: str) -> Column:
    made = Column("any")
    made.add(texts)
    return made


def test_flags() -> None:
    assert is_flags(column("0", "1", ""))
    assert is_flags(column("0.0", "True", "FALSE"))
    assert not is_flags(column("0", "2"))
    assert not is_flags(column("", ""))
    assert not is_flags(column(*map(str, range(2000))))


def test_share_of_flags() -> None:
    """Two of the three cells with a text; the empty one does not count."""
    assert flag_share(column("0", "", "1", "yes")) == pytest.approx(2 / 3)
    assert flag_share(column("", "")) == 0


def test_empty() -> None:
    assert is_empty(column("", " "))
    assert not is_empty(column("", "0"))


def test_pictures() -> None:
    assert is_pictures(column("a.JPG", "b/c.png", "", "README"))
    assert not is_pictures(column("a.jpg", "README"))  # no more than half
    assert not is_pictures(column(""))


def test_numbers_of_rows() -> None:
    assert counts_rows(column("0", "1", "2"))
    assert counts_rows(column("1", "2", "3"))
    assert not counts_rows(column("2", "3", "4"))
    assert not counts_rows(column("0", "2", "1"))


def test_different_everywhere_needs_rows() -> None:
    assert is_different_everywhere(column(*map(str, range(100, 120))))
    assert not is_different_everywhere(column(*map(str, range(100, 119))))
    assert not is_different_everywhere(column(*map(str, range(100, 120)), "100"))


def test_mostly_different_is_more_than_half() -> None:
    assert is_mostly_different(column(*map(str, range(11)), *["0"] * 9))
    assert not is_mostly_different(column(*map(str, range(10)), *["0"] * 10))
    assert not is_mostly_different(column(*map(str, range(19))))


def test_fractions() -> None:
    assert has_fractions(column("1", "0.5", ""))
    assert not has_fractions(column("1.0", "2"))
    assert not has_fractions(column("0.5", "cat"))
    assert not has_fractions(column(*map(str, range(300)), "cat", "0.5"))


def test_separators() -> None:
    assert separators_in(column("cat, dog", "cat;dog")) == [";", ","]
    assert separators_in(column("a|b")) == ["|"]
    assert separators_in(column("a b")) == []


def test_a_sample_is_spread() -> None:
    texts = [str(row) for row in range(1000)]
    assert spread(column(*texts)) == texts[::4]
    assert spread(column(*texts[:256])) == texts[:256]
