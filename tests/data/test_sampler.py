"""Samplers: keys, shares of ranks, rows that count, and the errors of sizes that cannot work."""

import itertools

import pytest
import torch

from torchheads.data import EvaluationSampler, KeyedSampler, Shard
from torchheads.errors import DataError


def test_keys_of_an_epoch():
    sampler = KeyedSampler(num_rows=11, batch_size=4, seed=0)
    sampler.set_epoch(2)
    keys = list(sampler)
    assert {epoch for epoch, _ in keys} == {2}
    assert sorted(row for _, row in keys) == list(range(11))
    assert [row for _, row in keys] == sampler.rows().tolist()
    assert (len(sampler), sampler.num_batches, sampler.real_rows(0), sampler.real_rows(2)) == (11, 3, 4, 3)


def test_order_is_a_function_of_seed_and_epoch():
    def rows(seed, epoch):
        torch.rand(epoch)  # what was drawn before does not matter
        sampler = KeyedSampler(num_rows=50, batch_size=8, seed=seed)
        sampler.set_epoch(epoch)
        return sampler.rows().tolist()

    assert rows(1, 3) == rows(1, 3)
    assert len({tuple(rows(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


@pytest.mark.parametrize("drop_last", [False, True])
def test_training_ranks(drop_last):
    for rows, batch_size, world in itertools.product(range(12, 26), range(1, 4), range(1, 5)):
        samplers = [KeyedSampler(rows, batch_size, 0, drop_last, Shard(rank, world)) for rank in range(world)]
        read = torch.cat([sampler.rows() for sampler in samplers]).tolist()
        assert len(set(read)) == len(read) == sum(len(sampler) for sampler in samplers)
        assert len({(len(sampler), sampler.num_batches) for sampler in samplers}) == 1
        unit = batch_size * world if drop_last else world
        assert len(read) == rows - rows % unit


def test_evaluation_ranks_count_every_row_once():
    for rows, batch_size, world in itertools.product(range(1, 20), range(1, 5), range(1, 5)):
        counted = []
        samplers = [EvaluationSampler(rows, batch_size, Shard(rank, world)) for rank in range(world)]
        assert len({sampler.num_batches for sampler in samplers}) == 1
        for sampler in samplers:
            for number, batch in enumerate(sampler.rows().split(batch_size)):
                counted += batch[: sampler.real_rows(number)].tolist()
            assert number + 1 == sampler.num_batches
        assert sorted(counted) == list(range(rows))


def test_fewer_rows_than_ranks():
    sampler = EvaluationSampler(num_rows=1, batch_size=8, shard=Shard(rank=2, world=3))
    assert sampler.rows().tolist() == [0]  # a forward pass needs a row
    assert sampler.real_rows(0) == 0


def test_evaluation_keeps_the_order():
    assert EvaluationSampler(num_rows=7, batch_size=3).rows().tolist() == list(range(7))


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ({"num_rows": 0, "batch_size": 4}, "D01", "without rows"),
        ({"num_rows": 4, "batch_size": 0}, "D11", "batch_size=0"),
        ({"num_rows": 3, "batch_size": 4, "drop_last": True}, "D03", "data.batch_size=3"),
        ({"num_rows": 3, "batch_size": 2, "shard": Shard(0, 4)}, "D03", "4 rank"),
    ],
)
def test_errors(arguments, code, text):
    with pytest.raises(DataError, match=text) as caught:
        KeyedSampler(seed=0, **arguments)
    assert caught.value.code == code
    assert caught.value.remedy


def test_short_batch_is_no_error_without_drop_last():
    assert KeyedSampler(num_rows=3, batch_size=4, seed=0).num_batches == 1
