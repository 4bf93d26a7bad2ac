"""Orders with repetitions: literal loops, exact lengths, expected numbers of draws."""

import math
from collections import Counter, defaultdict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.data.functional.orders import (
    Memberships,
    class_aware_order,
    copies,
    memberships,
    repeat_factors,
    repeated_order,
    with_unlabelled,
)
from torchheads.targets import LabelLists

LISTS = [[0, 2], [], [1], [0], [0, 1, 2]]


def pairs(given_pairs):
    return sorted(zip(given_pairs.row.tolist(), given_pairs.label.tolist(), strict=True))


def test_every_form_of_a_target_has_the_same_memberships():
    lists = LabelLists.from_lists(LISTS, num_classes=3)
    expected = [(row, label) for row, labels in enumerate(LISTS) for label in labels]
    for target in (lists, lists.multi_hot(), lists.multi_hot().int(), lists.multi_hot().float()):
        assert pairs(memberships(target, None)) == expected
    assert pairs(memberships(torch.tensor([2, -1, 0]), None)) == [(0, 2), (2, 0)]


def test_what_is_unknown_is_no_membership():
    lists = LabelLists.from_lists(LISTS, num_classes=3)
    known = torch.ones(5, 3, dtype=torch.bool)
    known[0, 2] = known[2, 1] = known[3, 1] = False
    for target in (lists, lists.multi_hot()):
        assert pairs(memberships(target, known)) == [(0, 0), (3, 0), (4, 0), (4, 1), (4, 2)]
    rows = torch.tensor([True, True, False, True, False])
    assert pairs(memberships(lists, rows)) == [(0, 0), (0, 2), (3, 0)]
    assert pairs(memberships(torch.tensor([2, 1, 0]), torch.tensor([False, True, True]))) == [(1, 1), (2, 0)]
    assert pairs(memberships(torch.tensor([[1, -1, 0]]), None)) == [(0, 0)]


def test_rows_without_a_class_are_one_class_more():
    assert pairs(with_unlabelled(memberships(LabelLists.from_lists(LISTS, 3), None), 5))[2] == (1, 3)
    nothing = Memberships(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    assert pairs(with_unlabelled(nothing, 2)) == [(0, 0), (1, 0)]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 9), st.integers(0, 9))
def test_classes_take_turns(labels, seed, epoch):
    target = torch.tensor(labels)
    order = class_aware_order(memberships(target, None), len(labels), seed, epoch)
    drawn, classes = target[order].tolist(), sorted(set(labels))
    assert len(order) == len(labels)
    for start in range(0, len(drawn), len(classes)):  # every round has every class once; the last may be cut off
        turn = drawn[start : start + len(classes)]
        assert len(set(turn)) == len(turn)
    for label in classes:  # within a class every row comes before any comes again, in the same order each time
        rows = [row for row in order.tolist() if labels[row] == label]
        size = labels.count(label)
        assert len(set(rows[:size])) == min(size, len(rows))
        assert rows[size:] == rows[: len(rows) - size] if len(rows) > size else True


def test_rows_of_several_classes_come_in_the_turns_of_each():
    given_pairs = memberships(torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]), None)
    counts = sum(class_aware_order(given_pairs, 4, 0, epoch).bincount(minlength=4) for epoch in range(600))
    # 800 turns of each class, half of them for row 0
    assert counts[0].item() == pytest.approx(1200, abs=100)
    assert counts[1:].sum() == 2400 - counts[0]
    assert all(count == pytest.approx(400, abs=60) for count in counts[1:].tolist())


def test_turns_differ_between_rounds_epochs_and_seeds():
    given_pairs = memberships(torch.arange(40) % 4, None)
    orders = {
        tuple(class_aware_order(given_pairs, 40, seed, epoch).tolist()) for seed in range(3) for epoch in range(3)
    }
    assert len(orders) == 9
    turns = class_aware_order(given_pairs, 40, 0, 0).view(10, 4) % 4
    assert len({tuple(turn) for turn in turns.tolist()}) > 3
    rows = class_aware_order(given_pairs, 40, 0, 0)
    assert rows.sort().values.tolist() == list(range(40))  # equal classes: every row once


def literal_factors(target, threshold):
    counts = [sum(row[label] for row in target) for label in range(len(target[0]))]
    share = [count / len(target) for count in counts]
    return [max([1.0, *(math.sqrt(threshold / share[c]) for c in range(len(row)) if row[c])]) for row in target]


@given(st.integers(0, 50), st.sampled_from([0.01, 0.2, 1.0]))
def test_factors_are_those_of_a_loop(seed, threshold):
    target = torch.rand(30, 4, generator=torch.Generator().manual_seed(seed)) < torch.tensor([0.5, 0.2, 0.05, 0])
    known = torch.full((4,), 30)
    found = repeat_factors(memberships(target, None), known, 30, threshold)
    assert found.tolist() == pytest.approx(literal_factors(target.int().tolist(), threshold), rel=1e-12)


def test_a_share_is_of_what_is_known():
    # label 0 in 1 of 4 rows that know about it: sqrt(1 / (1/4)) = 2
    given_pairs = Memberships(torch.tensor([3]), torch.tensor([0]))
    assert repeat_factors(given_pairs, torch.tensor([4]), 16, 1.0)[3] == 2


@given(st.lists(st.floats(1, 30), min_size=1, max_size=40), st.integers(0, 9), st.integers(0, 9))
def test_draws_are_the_expected_ones_rounded(factors, seed, epoch):
    weights = torch.tensor(factors, dtype=torch.float64)
    order = repeated_order(weights, seed, epoch)
    assert len(order) == len(factors)
    wanted = len(factors) * weights / weights.sum()
    counts = order.bincount(minlength=len(factors))
    assert ((counts >= (wanted - 1e-3).floor()) & (counts <= (wanted + 1e-3).ceil())).all()


def test_draws_are_as_many_as_expected_on_average():
    weights = torch.tensor([1.0, 1.0, 1.5, 2.0, 7.0, 1.0], dtype=torch.float64)
    counts = sum(repeated_order(weights, 0, epoch).bincount(minlength=6) for epoch in range(800)) / 800
    torch.testing.assert_close(counts.double(), 6 * weights / weights.sum(), atol=0.05, rtol=0)


def test_equal_factors_are_every_row_once():
    order = repeated_order(torch.ones(50, dtype=torch.float64), 1, 2)
    assert order.sort().values.tolist() == list(range(50))
    assert order.tolist() != list(range(50))


def test_repeated_rows_are_scattered():
    weights = torch.ones(200, dtype=torch.float64)
    weights[7] = 300.0
    places = (repeated_order(weights, 0, 0) == 7).nonzero()[:, 0]
    assert len(places) in (120, 121)  # 200 x 300 / 499
    assert (places.diff() > 1).any()
    assert 60 < places.float().mean() < 140


@given(st.lists(st.integers(0, 8), max_size=40))
def test_copies_count_what_came_before(rows):
    seen = defaultdict(int)
    expected = []
    for row in rows:
        expected.append(seen[row])
        seen[row] += 1
    assert copies(torch.tensor(rows, dtype=torch.int64)).tolist() == expected
    assert Counter(rows) == Counter(seen)
