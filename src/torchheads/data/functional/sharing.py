"""Which rows of an epoch's order a rank reads, by arithmetic alone: equal rows to train on, padded rows to evaluate.

n rows in the order, m rows of one rank. One step takes ``batch_size`` rows on each rank, from a run of
``batch_size * world`` neighbours in the order, so that 1 rank x 64 and 2 ranks x 32 see the same rows in a step. What
is left after the full steps is the *rest*; it makes one last, shorter step.
"""

from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor


class Shard(NamedTuple):
    """One rank of ``world`` ranks."""

    rank: int
    world: int


def current_shard() -> Shard:
    """The rank of this process in the default process group; rank 0 of 1 where none is initialised.

    Example:
        >>> current_shard()
        Shard(rank=0, world=1)
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return Shard(torch.distributed.get_rank(), torch.distributed.get_world_size())
    return Shard(0, 1)


def full_steps_rows(num_rows: int, batch_size: int, world: int) -> int:
    """Number of rows, over all ranks, in steps that are full on every rank.

    Example:
        >>> full_steps_rows(13, batch_size=2, world=3)
        12
    """
    return num_rows - num_rows % (batch_size * world)


def training_rest(num_rows: int, batch_size: int, world: int) -> int:
    """Rows of each rank in the last, shorter step of training: the rest, rounded down so that all ranks have as many.

    At most ``world - 1`` rows of an epoch's order are left out, other ones in each epoch; none when ``world`` is 1.

    Example:
        >>> training_rest(13, batch_size=3, world=2)
        0
    """
    return (num_rows - full_steps_rows(num_rows, batch_size, world)) // world


def evaluation_rest(num_rows: int, batch_size: int, world: int) -> int:
    """Rows of each rank in the last, shorter step of an evaluation: the rest, rounded up; surplus rows are padding.

    Example:
        >>> evaluation_rest(13, batch_size=3, world=2)
        1
    """
    return -(-(num_rows - full_steps_rows(num_rows, batch_size, world)) // world)


def share(order: Int64[Tensor, "n"], batch_size: int, shard: Shard, rest: int) -> Int64[Tensor, "m"]:
    """The rows of one rank in the order it reads them; its batches are neighbouring runs of ``batch_size`` rows.

    Args:
        order: row ids of the epoch, shape (n,), int64.
        batch_size: rows of a step on one rank, >= 1.
        shard: the rank.
        rest: rows of this rank in the last step, from `training_rest` or `evaluation_rest`. Where the order ends before
            them, its last row is repeated.

    Returns:
        Row ids, shape (m,), int64, with m the same on every rank.

    Example:
        >>> share(torch.arange(7), 2, Shard(rank=1, world=2), rest=2)
        tensor([2, 3, 6, 6])
    """
    full = full_steps_rows(len(order), batch_size, shard.world)
    steps = order[:full].view(-1, shard.world, batch_size)[:, shard.rank].reshape(-1)
    places = full + shard.rank * rest + torch.arange(rest)
    return torch.cat([steps, order[places.clamp(max=len(order) - 1)]])
