"""Shares of ranks: nothing twice, nothing missing, equal length, for small numbers of rows and ranks."""

import itertools

import pytest
import torch

from torchheads.data.functional.sharing import (
    Shard,
    current_shard,
    evaluation_rest,
    full_steps_rows,
    share,
    training_rest,
)

SMALL = list(itertools.product(range(1, 24), range(1, 6), range(1, 5)))


def shares(order, batch_size, world, rest):
    return [share(order, batch_size, Shard(rank, world), rest).tolist() for rank in range(world)]


def test_training_shares():
    for rows, batch_size, world in SMALL:
        order = torch.randperm(rows, generator=torch.Generator().manual_seed(0))
        parts = shares(order, batch_size, world, training_rest(rows, batch_size, world))
        read = [row for part in parts for row in part]
        assert len({len(part) for part in parts}) == 1
        assert len(set(read)) == len(read) == rows - rows % world
        assert set(read) == set(order[: len(read)].tolist())  # what is left out is the end of the order


def test_one_rank_reads_the_order_itself():
    for rows, batch_size, _ in SMALL:
        order = torch.arange(rows).flip(0)
        assert torch.equal(share(order, batch_size, Shard(0, 1), training_rest(rows, batch_size, 1)), order)


def test_more_ranks_with_smaller_batches_take_the_same_step():
    order = torch.randperm(48, generator=torch.Generator().manual_seed(1))
    one = shares(order, 12, 1, 0)[0]
    three = shares(order, 4, 3, 0)
    for step in range(4):
        together = {row for part in three for row in part[4 * step : 4 * step + 4]}
        assert together == set(one[12 * step : 12 * step + 12])


def test_evaluation_shares_are_padded_with_the_last_row():
    for rows, batch_size, world in SMALL:
        parts = shares(torch.arange(rows), batch_size, world, evaluation_rest(rows, batch_size, world))
        assert len({len(part) for part in parts}) == 1
        read = sorted(row for part in parts for row in part)
        padding = len(read) - rows
        assert 0 <= padding < world
        assert read == sorted([*range(rows), *[rows - 1] * padding])


@pytest.mark.parametrize(("rows", "full"), [(0, 0), (5, 0), (6, 6), (13, 12)])
def test_full_steps(rows, full):
    assert full_steps_rows(rows, batch_size=2, world=3) == full


def test_shard_without_a_process_group():
    assert current_shard() == Shard(rank=0, world=1)
