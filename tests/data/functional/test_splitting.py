"""Stratified splits: exact sizes, no row twice, classes, labels and pairs of labels in proportion."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchheads.data.functional.splitting import (
    similar_rows,
    stratified_label_sets,
    stratified_split,
    with_every_class,
)
from torchheads.errors import DataError

HELD_OUT = {"val": 0.1, "calibration": 0.1, "test": 0.2}
FROZEN = {"val": [15, 22, 23], "test": [0, 13, 16, 18, 19]}


@given(st.lists(st.integers(0, 3), min_size=10, max_size=80), st.integers(0, 5), st.integers(0, 5), st.integers(0, 99))
def test_partition(target, test, val, seed):
    parts = stratified_split(torch.tensor(target), {"test": test, "val": val}, seed, rest="train")
    assert (len(parts["test"]), len(parts["val"])) == (test, val)
    assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(len(target)))
    assert all(torch.equal(rows, rows.sort().values) for rows in parts.values())


@given(st.lists(st.integers(0, 3), min_size=40, max_size=120), st.integers(0, 99))
def test_classes_are_in_proportion(target, seed):
    classes = torch.tensor(target)
    size = len(target) // 4
    rows = stratified_split(classes, {"test": size}, seed, rest="train")["test"]
    expected = classes.bincount(minlength=4) * size / len(target)
    assert ((classes[rows].bincount(minlength=4) - expected).abs() <= 1).all()


@given(st.lists(st.integers(-1, 9), min_size=20, max_size=60), st.integers(0, 5), st.integers(0, 5), st.integers(0, 99))
def test_what_is_tested_was_trained(target, test, val, seed):
    target = torch.tensor(target)
    before = stratified_split(target, {"test": test, "val": val}, seed, rest="train")
    parts = with_every_class(target, before, rest="train")
    assert {name: len(rows) for name, rows in parts.items()} == {name: len(rows) for name, rows in before.items()}
    assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(len(target)))
    assert all(torch.equal(rows, rows.sort().values) for rows in parts.values())
    trained = set(target[parts["train"]].tolist())
    assert set(target[target >= 0].tolist()) <= trained
    if set(target[target >= 0].tolist()) <= set(target[before["train"]].tolist()):
        assert all(torch.equal(parts[name], before[name]) for name in parts)


def test_more_classes_than_rows_to_train_on_are_filled_up_as_far_as_they_go():
    target = torch.arange(4)
    parts = with_every_class(target, stratified_split(target, {"test": 2}, 0, rest="train"), rest="train")
    assert len(target[parts["train"]].unique()) == 2


def test_seed_chooses_the_rows():
    target = torch.arange(100) % 10
    drawn = {tuple(stratified_split(target, {"test": 20}, seed, rest="train")["test"].tolist()) for seed in range(10)}
    assert len(drawn) == 10
    again = stratified_split(target, {"test": 20}, 3, rest="train")["test"]
    assert torch.equal(again, stratified_split(target, {"test": 20}, 3, rest="train")["test"])


def test_every_row_is_tested_in_turn():
    # at even distances from a fixed start some rows could never be drawn: the keyed order inside a class prevents it
    target = torch.zeros(20, dtype=torch.int64)
    drawn = torch.cat([stratified_split(target, {"test": 4}, seed, rest="train")["test"] for seed in range(200)])
    counts = drawn.bincount(minlength=20)
    assert counts.min() > 20  # 40 expected
    assert counts.max() < 65


def label_sets(rows, classes, seed, most=0.5):
    """Random label sets whose rarer labels come with the next more frequent ones; some sets are empty."""
    random = torch.Generator().manual_seed(seed)
    share = most / torch.arange(1, classes + 1)
    labels = torch.rand(rows, classes, generator=random) < share
    return labels | (labels.roll(-1, dims=1) & (torch.rand(rows, classes, generator=random) < 0.3))


def sizes_of(rows):
    return {name: round(share * rows) for name, share in HELD_OUT.items()}


def worst_share(target, parts, least=1):
    """The largest distance of a label's share in a part from the part's share of all rows."""
    rows, counts = sum(map(len, parts.values())), target.sum(dim=0)
    shares = [target[ids].sum(dim=0) / counts - len(ids) / rows for ids in parts.values()]
    return torch.stack(shares)[:, counts >= least].abs().flatten()


def literal_stratification(target, sizes, rest):
    """Iterative stratification one row at a time, as the paper states it, with sizes as hard limits."""
    rows, names = target.tolist(), [rest, *sizes]
    room = {rest: len(rows) - sum(sizes.values()), **sizes}
    wish = {n: [room[n] / len(rows) * sum(column) for column in zip(*rows, strict=True)] for n in names}
    free, parts = list(range(len(rows))), {name: [] for name in names}
    while free:
        left = [sum(rows[row][label] for row in free) for label in range(len(rows[0]))]
        label = min((label for label in range(len(left)) if left[label]), key=left.__getitem__, default=None)
        for row in [row for row in free if label is None or rows[row][label]]:
            name = max(
                (n for n in names if room[n]), key=lambda n: (wish[n][label] if label is not None else 0, room[n])
            )
            parts[name].append(row)
            free.remove(row)
            room[name] -= 1
            wish[name] = [want - has for want, has in zip(wish[name], rows[row], strict=True)]
    return {name: torch.tensor(ids) for name, ids in parts.items()}


@given(st.integers(0, 99), st.integers(0, 40), st.integers(1, 70), st.integers(0, 6), st.integers(0, 6))
def test_label_sets_are_partitioned(seed, rows, classes, val, test):
    target = label_sets(rows, classes, seed, most=0.9)
    sizes = {"val": min(val, rows // 2), "test": min(test, rows // 2)}
    parts = stratified_label_sets(target, sizes, seed, rest="train")
    assert list(parts) == ["train", "val", "test"]
    assert {name: len(parts[name]) for name in sizes} == sizes
    assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(rows))
    assert all(torch.equal(ids, ids.sort().values) for ids in parts.values())


@settings(max_examples=25)
@given(st.integers(0, 99), st.integers(40, 200), st.integers(2, 30))
def test_no_label_is_missing(seed, rows, classes):
    target = label_sets(rows, classes, seed, most=0.4)
    parts, counts = stratified_label_sets(target, sizes_of(rows), seed, rest="train"), target.sum(dim=0)
    held = torch.stack([target[ids].sum(dim=0) for ids in parts.values()])
    assert (held[0] > 0)[counts > 0].all()


@pytest.mark.parametrize("seed", range(12))
def test_a_rare_label_with_rows_for_all_is_in_each(seed):
    random = torch.Generator().manual_seed(seed)
    target = torch.zeros(400, 8, dtype=torch.bool)
    for label in range(8):  # 1 to 8 rows; labels do not meet often
        target[torch.randperm(400, generator=random)[: label + 1], label] = True
    parts = stratified_label_sets(target, sizes_of(400), seed, rest="train")
    held = torch.stack([target[ids].sum(dim=0) for ids in parts.values()])
    assert (held[0] > 0).all()
    assert (held[:, 3:] > 0).all()


@pytest.mark.parametrize(("rows", "classes"), [(300, 6), (300, 25)])
def test_no_worse_than_one_row_at_a_time(rows, classes):
    ours, theirs = [], []
    for seed in range(3):
        target = label_sets(rows, classes, seed)
        parts = stratified_label_sets(target, sizes_of(rows), seed, rest="train")
        ours.append(worst_share(target, parts, least=12))
        theirs.append(worst_share(target, literal_stratification(target, sizes_of(rows), "train"), least=12))
    ours, theirs = torch.cat(ours), torch.cat(theirs)
    assert ours.mean() <= theirs.mean() * 1.02
    assert ours.max() <= theirs.max() * 1.1


def test_labels_and_pairs_of_many_rows_are_in_proportion():
    target = label_sets(20_000, 20, seed=0)
    parts = stratified_label_sets(target, sizes_of(20_000), 0, rest="train")
    assert (worst_share(target, parts) * target.sum(dim=0).repeat(4)).max() < 1.5  # rows
    pairs = (target[:, :, None] & target[:, None, :])[:, *torch.triu_indices(20, 20, 1)]
    found = worst_share(pairs, parts, least=50).mean()
    random = worst_share(pairs, dict(enumerate(torch.randperm(20_000).split([12_000, 2000, 2000, 4000]))), 50).mean()
    assert found < 0.7 * random


def test_unknown_entries_count_as_no_label():
    target, known = label_sets(300, 5, seed=1), torch.rand(300, 5) < 0.5
    parts = stratified_label_sets(target, sizes_of(300), 2, "train", mask=known)
    guessed = stratified_label_sets(target | ~known, sizes_of(300), 2, "train", mask=known)
    dropped = stratified_label_sets(target & known, sizes_of(300), 2, "train")
    for name, ids in parts.items():
        assert torch.equal(ids, guessed[name])
        assert torch.equal(ids, dropped[name])


def test_empty_sets_are_spread_too():
    target = torch.zeros(100, 3, dtype=torch.bool)
    target[:50, 0] = True
    parts = stratified_label_sets(target, {"test": 20}, 0, "train")
    assert (~target[parts["test"]].any(dim=1)).sum() == 10
    assert len(stratified_label_sets(target[:, :0], {"test": 20}, 0, "train")["test"]) == 20


def test_the_split_is_a_function_of_its_arguments():
    # frozen on purpose: other rows here are other results of every run on such data
    target = torch.tensor([[row % 2, row % 3 == 0, row % 5 == 0, row == 7] for row in range(24)], dtype=torch.bool)
    torch.rand(7)
    parts = stratified_label_sets(target, {"val": 3, "test": 5}, 3, "train")
    assert {name: ids.tolist() for name, ids in parts.items() if name != "train"} == FROZEN


def test_every_row_is_drawn_in_turn():
    target = label_sets(30, 4, seed=3)
    drawn = torch.cat([stratified_label_sets(target, {"test": 6}, seed, "train")["test"] for seed in range(100)])
    counts = drawn.bincount(minlength=30)  # 20 expected each
    assert counts.min() > 0
    assert counts.max() < 80


def test_similar_rows_are_neighbours():
    target = label_sets(500, 70, seed=4)
    order = similar_rows(target, split_seed=5)
    assert order.sort().values.tolist() == list(range(500))
    rarest = target.sum(dim=0).argsort(stable=True, descending=True)[-1]
    assert (target[order][1:, rarest] != target[order][:-1, rarest]).sum() == 1  # its rows are all in one run
    sets = [tuple(row) for row in target[order].tolist()]
    assert sum(a != b for a, b in pairwise(sets)) + 1 == len(set(sets))


@pytest.mark.parametrize("sizes", [{"test": 5}, {"test": -1}, {"test": 2, "val": 3}])
def test_sizes_that_do_not_fit(sizes):
    with pytest.raises(DataError, match="of a split of 4 rows; allowed 0 or more each, 4 in all") as caught:
        stratified_label_sets(torch.zeros(4, 2, dtype=torch.bool), sizes, 0, "train")
    assert caught.value.code == "D30"
