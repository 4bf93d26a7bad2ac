"""Splits that are not published are cut out of the training part; those that are stay whole."""

from itertools import chain

import pytest
import torch

from torchheads.data.cutting import cut
from torchheads.data.source import Examples, Source
from torchheads.errors import DataError

SHARES = {"val": 0.1, "calibration": 0.1, "test": 0.2}


def examples(rows: int, first: int = 0, classes: int = 4) -> Examples:
    """Feature rows that hold their own number, with classes in turn."""
    numbers = torch.arange(first, first + rows)
    return Examples(numbers.float().view(-1, 1), numbers % classes)


def source(**parts: Examples) -> Source:
    return Source(parts, tuple("abcd"), "single")


def numbers(part: Examples) -> list[int]:
    return part.input.flatten().int().tolist()


def test_everything_is_cut_from_train_where_nothing_else_is_published() -> None:
    splits = cut(source(train=examples(100)), SHARES, split_seed=0)
    assert {name: len(part.target) for name, part in splits.items()} == {
        "train": 60,
        "val": 10,
        "calibration": 10,
        "test": 20,
    }
    assert sorted(chain.from_iterable(map(numbers, splits.values()))) == list(range(100))
    for part in splits.values():
        assert torch.equal(part.target, part.input.flatten().long() % 4)  # targets go with their rows
        assert part.target.bincount(minlength=4).amin() >= len(part.target) // 4 - 1


def test_published_parts_stay_whole() -> None:
    published = {"train": examples(50), "val": examples(7, 100), "test": examples(9, 200)}
    splits = cut(source(**published), SHARES, split_seed=0)
    assert numbers(splits["val"]) == list(range(100, 107))
    assert numbers(splits["test"]) == list(range(200, 209))
    assert len(splits["calibration"].target) == 5
    assert sorted(numbers(splits["train"]) + numbers(splits["calibration"])) == list(range(50))


def test_another_split_seed_cuts_other_rows_and_the_same_the_same() -> None:
    one, same, other = (numbers(cut(source(train=examples(80)), SHARES, seed)["test"]) for seed in (0, 0, 1))
    assert one == same != other


def test_sets_of_classes_are_cut_with_their_masks() -> None:
    target = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) < 0.3
    part = Examples(torch.arange(200.0).view(-1, 1), target, mask=~target)
    for split in cut(Source({"train": part}, tuple("abc"), "multi"), SHARES, 0).values():
        rows = split.input.flatten().long()
        assert torch.equal(split.target, target[rows])
        assert torch.equal(split.mask, ~target[rows])


def test_a_share_of_a_few_rows_is_one_row() -> None:
    splits = cut(source(train=examples(5)), SHARES, split_seed=0)
    assert [len(part.target) for part in splits.values()] == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("rows", "shares", "problem"),
    [
        (3, SHARES, "3 training rows of which val 1, calibration 1, test 1 are to be cut leave none to train on"),
        (9, SHARES | {"val": 1.0}, "val_share=1.0; allowed a number from 0 and below 1"),
        (9, SHARES | {"val": -0.1}, "val_share=-0.1"),
        (9, SHARES | {"val": None}, "val_share=None"),
        (9, SHARES | {"test": "10%"}, "test_share='10%'"),
    ],
)
def test_shares_that_leave_nothing(rows: int, shares: dict[str, float], problem: str) -> None:
    with pytest.raises(DataError, match=f"TH-D03: {problem}"):
        cut(source(train=examples(rows)), shares, split_seed=0)
