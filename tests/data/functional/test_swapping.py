"""Swaps: what they lower, what they must not touch, and the best pair against a search of all pairs."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.data.functional.swapping import Swaps, even_out, pool


def unevenness(labels, part, wanted):
    """The sum that swaps lower, by loops, with the whole weights that the swaps use."""
    total = 0
    for label in range(labels.shape[1]):
        rows = int(labels[:, label].sum())
        weight = -(-1024 // max(rows, 1))
        for place, size in enumerate(wanted):
            held = int((labels[:, label] & (part == place)).sum())
            total += weight * (len(labels) * held - rows * size) ** 2
    return total


def drawn(seed, rows=24, classes=3):
    random = torch.Generator().manual_seed(seed)
    labels = torch.rand(rows, classes, generator=random) < 0.4
    part = (torch.arange(rows) % 4 == 3).long()[torch.randperm(rows, generator=random)]
    return labels, part, [rows - rows // 4, rows // 4]


@given(st.integers(0, 99))
def test_sizes_stay_and_unevenness_never_grows(seed):
    labels, part, wanted = drawn(seed)
    after = even_out(labels, part, wanted)
    assert after.bincount().tolist() == wanted
    before, now = (unevenness(labels, each, wanted) for each in (part, after))
    assert now <= before
    if now == before:
        assert torch.equal(after, part)


@pytest.mark.parametrize("seed", range(8))
def test_a_swap_is_the_best_of_all_pairs(seed):
    labels, part, wanted = drawn(seed, rows=16)
    swaps = Swaps(labels, part, wanted)
    best = unevenness(labels, part, wanted)
    for one, other in itertools.product((part == 0).nonzero()[:, 0], (part == 1).nonzero()[:, 0]):
        tried = part.clone()
        tried[one], tried[other] = 1, 0
        counts, held = labels.sum(dim=0), torch.stack([labels[part == place].sum(dim=0) for place in (0, 1)])
        barred = labels[one] & (held[0] <= 1) | labels[other] & (held[1] <= 1) & (counts >= 2)
        if not barred.any():
            best = min(best, unevenness(labels, tried, wanted))
    swapped = swaps.swap(0, 1)
    assert unevenness(labels, swaps.parts(), wanted) == best
    assert swapped == (best < unevenness(labels, part, wanted))


def test_a_guarded_label_stays_where_it_is():
    # label 0: 2 of its 3 rows belong into part 1 by proportion, but its only row in part 0 stays
    labels = torch.tensor([[1], [0], [0], [0], [0], [1], [1], [0]], dtype=torch.bool)
    part = torch.tensor([0, 0, 1, 1, 1, 1, 1, 1])
    assert even_out(labels, part, [2, 6])[0] == 0
    # with one more there, one of them is free to go: 4 rows, 1 and 3 by proportion
    labels[1] = True
    after = even_out(labels, part, [2, 6])
    assert labels[after == 0].sum() == 1


def test_nothing_to_swap():
    labels = torch.zeros(3, 2, dtype=torch.bool)
    for part, wanted in (([0, 0, 0], [3, 0]), ([0, 1, 1], [1, 2])):
        assert even_out(labels, torch.tensor(part), wanted).tolist() == part
    assert len(even_out(labels[:0], torch.zeros(0, dtype=torch.int64), [0, 0])) == 0


def test_a_pool_is_spread_over_the_part():
    rows = torch.arange(0, 40_960, 2)
    assert torch.equal(pool(rows, 1), rows[::5])
    assert torch.equal(pool(rows[:9], 1), rows[:9])
