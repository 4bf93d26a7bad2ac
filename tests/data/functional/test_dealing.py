"""Dealing and apportioning: bounds, least squares against a search of everything, and rows at even distances."""

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.data.functional.dealing import Deal, apportion, spread

PARTS = st.integers(1, 4)


@st.composite
def shares(draw):
    parts = draw(PARTS)
    numbers = [
        draw(st.lists(st.integers(low, high), min_size=parts, max_size=parts))
        for low, high in ((-30, 60), (0, 1), (0, 6))
    ]
    return (draw(st.integers(0, sum(numbers[2]))), *numbers)


@given(shares(), st.sampled_from([1, 7, 10]))
def test_apportion_is_the_best_of_all_within_the_bounds(drawn, unit):
    total, need, least, most = drawn
    found = apportion(total, need, unit, least, most)
    low = []
    for lower, upper in zip(least, most, strict=True):
        low.append(min(lower, upper, total - sum(low)))
    allowed = [range(lower, upper + 1) for lower, upper in zip(low, most, strict=True)]
    errors = {
        numbers: sum((unit * number - part) ** 2 for number, part in zip(numbers, need, strict=True))
        for numbers in itertools.product(*allowed)
        if sum(numbers) == total
    }
    assert errors[tuple(found)] == min(errors.values())


def test_largest_remainders_by_hand():
    # 7 seats over 3.2, 2.7 and 1.1: 3, 2 and 1 whole, the seventh to the remainder .7
    assert apportion(7, [32, 27, 11], 10, [0, 0, 0], [9, 9, 9]) == [3, 3, 1]
    # a part that has too much already gets nothing, the others share what it took: 2.5 and 0.5 each 0.5 less
    assert apportion(2, [-10, 25, 5], 10, [0, 0, 0], [9, 9, 9]) == [0, 2, 0]
    assert apportion(3, [30, 0], 10, [0, 1], [9, 9]) == [2, 1]
    assert apportion(3, [30, 0], 10, [0, 0], [2, 9]) == [2, 1]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4))
def test_every_stretch_has_its_part(quota):
    dealt, total = spread(quota), sum(quota)
    assert dealt.bincount(minlength=len(quota)).tolist() == quota
    for part, count in enumerate(quota):
        before = (dealt == part).cumsum(0)
        assert all(
            abs(int(have) - count * (place + 1) / total) <= max(1, len(quota) / 2) for place, have in enumerate(before)
        )


@given(st.integers(0, 99))
def test_labels_without_company_are_within_one_row_of_proportion(seed):
    # each row has one label or none: nothing stands in the way of the exact shares, and the sizes are exact
    random = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 5, (60,), generator=random)
    labels = torch.nn.functional.one_hot(label, 5)[:, :4].bool()
    labels = labels[label.argsort()]
    part = Deal(labels, [36, 12, 12], seed).parts()
    assert part.bincount(minlength=3).tolist() == [36, 12, 12]
    for place, size in enumerate((36, 12, 12)):
        error = labels[part == place].sum(dim=0) - labels.sum(dim=0) * size / 60
        assert error[:3].abs().max() < 1.5
        assert error.abs().max() < 3


def test_the_rarest_label_is_dealt_first():
    # label 1 has 2 rows, both also of label 0 with 8: one each, or label 1 would be missing in one of the halves
    labels = torch.tensor([[1, 1]] * 2 + [[1, 0]] * 6, dtype=torch.bool)
    for seed in range(20):
        part = Deal(labels, [4, 4], seed).parts()
        assert part[:2].sum() == 1
        assert part[2:].sum() == 3


def test_where_sharing_begins_is_keyed():
    labels = torch.ones(6, 1, dtype=torch.bool)
    assert len({tuple(Deal(labels, [4, 2], seed).parts().tolist()) for seed in range(30)}) == 3  # rotations of 0 0 1
