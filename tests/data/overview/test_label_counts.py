"""The figures of labels: worked by hand, and against slow loops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.data.overview.label_counts import index_counts, set_counts
from torchheads.targets import TargetRows

# cat dog cow     labels              known whole
# 1   1   0       several             yes
# 1   0   0       one                 yes
# 0   0   0       none                yes
# 1   ?   0       one or two: unsure  no
# 0   1   1       several             yes
# 1   1   ?       several             no
SETS = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 0]])
KNOWN = torch.tensor([[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 0, 1], [1, 1, 1], [1, 1, 0]]).bool()


def test_sets_by_hand():
    counts = set_counts(TargetRows(SETS, KNOWN))
    assert counts.positive.tolist() == [4, 3, 1]
    assert counts.known.tolist() == [6, 5, 5]
    assert (counts.none, counts.one, counts.several, counts.unsure, counts.unknown_entries) == (1, 1, 3, 1, 2)
    assert (counts.distinct_sets, counts.most_common_set) == (4, 1)  # of the four rows that are known whole
    assert counts.cardinality == pytest.approx(4 / 6 + 3 / 5 + 1 / 5)
    assert counts.density == pytest.approx((4 / 6 + 3 / 5 + 1 / 5) / 3)
    assert counts.imbalance == 4
    assert counts.absent == []


def test_indices_by_hand():
    target = TargetRows(torch.tensor([0, 0, 0, 2, 0]), torch.tensor([True, True, True, True, False]))
    counts = index_counts(target, num_classes=4)
    assert counts.positive.tolist() == [3, 0, 1, 0]
    assert counts.known.tolist() == [4] * 4
    assert (counts.rows, counts.none, counts.one, counts.several, counts.unsure) == (5, 0, 4, 0, 1)
    assert (counts.unknown_entries, counts.distinct_sets, counts.most_common_set) == (1, 2, 3)
    assert (counts.cardinality, counts.density, counts.imbalance, counts.absent) == (1, 0.25, 3, [1, 3])


@given(st.lists(st.lists(st.sampled_from([0, 1, None]), min_size=9, max_size=9), min_size=1, max_size=20))
def test_sets_against_a_loop(rows):
    target = torch.tensor([[entry or 0 for entry in row] for row in rows])
    counts = set_counts(TargetRows(target, torch.tensor([[entry is not None for entry in row] for row in rows])))
    whole = [tuple(row) for row in rows if None not in row]
    assert counts.none == sum(sum(row) == 0 for row in whole)
    assert counts.one == sum(sum(row) == 1 for row in whole)
    assert counts.several == sum(row.count(1) > 1 for row in rows)
    assert counts.unknown_entries == sum(row.count(None) for row in rows)
    assert counts.distinct_sets == len(set(whole))
    assert counts.most_common_set == max((whole.count(row) for row in whole), default=0)
    columns = list(zip(*rows, strict=True))
    shares = [column.count(1) / (len(rows) - column.count(None)) for column in columns if set(column) != {None}]
    assert counts.cardinality == pytest.approx(sum(shares))


def test_nothing_known_known_everything():
    unknown = set_counts(TargetRows(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 3, dtype=torch.bool)))
    assert (unknown.unsure, unknown.cardinality, unknown.distinct_sets) == (2, 0.0, 0)
    assert math.isnan(unknown.imbalance)
    assert unknown.shares.isnan().all()
    everything = set_counts(TargetRows(SETS, None))
    assert everything.cardinality == 8 / 6
