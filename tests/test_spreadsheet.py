"""The article's spreadsheet, against the standard library's arithmetic."""

import math

import pytest
import torch

from torchheads.errors import HeadConfigError
from torchheads.spreadsheet import spreadsheet

NAMES = ("cat", "dog", "cow", "zebra")
LOGITS = (2.1, 4.0, 3.2, -1.0)


def test_the_articles_example_by_the_standard_library() -> None:
    sheet = spreadsheet(NAMES, torch.tensor([LOGITS]), 3.0, "logit")
    total = sum(math.exp(logit) for logit in LOGITS)
    for row, name, logit in zip(sheet.rows, NAMES, LOGITS, strict=True):
        share = math.exp(logit) / total
        assert row.name == name
        expected = [logit, math.exp(logit), share, math.log(share / (1 - share)), 1 / (1 + math.exp(-logit))]
        assert list(row[1:6]) == pytest.approx(expected, rel=1e-6)
    assert [row.is_the_one for row in sheet.rows] == [False, True, False, False]
    assert [row.is_in_the_set for row in sheet.rows] == [False, True, True, False]
    assert (sheet.one, sheet.chosen) == ("dog", ("dog", "cow"))
    assert sheet.cut == 3.0
    assert sheet.cut_probability == pytest.approx(1 / (1 + math.exp(-3)))


@pytest.mark.parametrize(
    ("threshold", "space", "cut", "chosen"),
    [
        (None, "probability", 0.0, ("cat", "dog", "cow")),
        (0.97, "probability", math.log(0.97 / 0.03), ("dog",)),
        (3.2, "logit", 3.2, ("dog", "cow")),  # equality counts
        (5.0, "logit", 5.0, ()),
        (0.0, "probability", -math.inf, NAMES),
    ],
)
def test_thresholds(threshold: float | None, space: str, cut: float, chosen: tuple[str, ...]) -> None:
    sheet = spreadsheet(NAMES, torch.tensor([LOGITS]), threshold, space)
    assert sheet.cut == pytest.approx(cut)
    assert sheet.chosen == chosen


def test_huge_logits_overflow_in_exp_alone() -> None:
    one, other = spreadsheet(("a", "b"), torch.tensor([[1000.0, 998.0]])).rows
    assert one.exp == math.inf
    assert one.softmax == pytest.approx(1 / (1 + math.exp(-2)), rel=1e-6)
    assert spreadsheet(("a", "b"), torch.tensor([[700.0, 0.0]])).rows[0].exp == pytest.approx(math.exp(700))
    assert (one.score, other.score) == (2.0, -2.0)


@pytest.mark.parametrize(
    ("names", "threshold", "code"), [(("a",), None, "H01"), (("a", "a"), None, "H19"), (("a", "b"), 3.0, "H03")]
)
def test_what_cannot_be(names: tuple[str, ...], threshold: float | None, code: str) -> None:
    with pytest.raises(HeadConfigError) as caught:
        spreadsheet(names, torch.zeros(1, len(names)), threshold)
    assert caught.value.code == code
