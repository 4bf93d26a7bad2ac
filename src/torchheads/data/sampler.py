"""Samplers without hidden state: the rows of an epoch are a function of (seed, epoch, rank), computed when asked for.

m rows of this rank in an epoch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from jaxtyping import Int64
from torch import Tensor

from torchheads.data.functional.orders import copies
from torchheads.data.functional.sharing import (
    Shard,
    current_shard,
    evaluation_rest,
    full_steps_rows,
    share,
    training_rest,
)
from torchheads.data.sampling import EpochOrder, every_row_once
from torchheads.errors import DataError


class RowSampler(ABC):
    """What both samplers share: the epoch, the rank, and batches as neighbouring runs of this rank's rows.

    Args:
        num_rows: number of rows of the split, >= 1.
        batch_size: rows of a step on one rank, >= 1.
        shard: the rank to read for; None asks ``torch.distributed`` each time, so a process group may come later.

    Raises:
        DataError: code D01 for an empty split, D11 for a batch size below 1.
    """

    def __init__(self, num_rows: int, batch_size: int, shard: Shard | None = None) -> None:
        if num_rows < 1:
            raise DataError("D01", "a split without rows; allowed at least 1", "a larger size for this split")
        if batch_size < 1:
            raise DataError("D11", f"batch_size={batch_size}; allowed 1 or more", "data.batch_size=64")
        self.num_rows = num_rows
        self.batch_size = batch_size
        self.epoch = 0
        self._shard = shard

    @property
    def shard(self) -> Shard:
        """The rank whose rows are read."""
        return self._shard or current_shard()

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; the trainer calls this before each one."""
        self.epoch = epoch

    @abstractmethod
    def rows(self) -> Int64[Tensor, "m"]:
        """Row ids of this rank in the order it reads them, shape (m,), int64; m is the same on every rank."""

    def keys(self) -> Int64[Tensor, "m"]:
        """What augmentation is keyed by, in place of `rows`: another number each time that an epoch repeats a row.

        A row's first number is its id, so that ``keys() % num_rows`` are the rows, and equal them where none repeats.
        """
        return self.rows()

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows m that this rank reads in an epoch."""

    @property
    def num_batches(self) -> int:
        """Number of batches of this rank in an epoch: the same on every rank; only the last may be shorter."""
        return -(-len(self) // self.batch_size)

    def real_rows(self, batch_idx: int) -> int:
        """How many rows at the front of this rank's batch are no padding."""
        return min(self.batch_size, len(self) - batch_idx * self.batch_size)

    def fingerprint(self) -> dict[str, int | str]:
        """What must be equal for a batch number to mean the same rows: 2 ranks x 32 may go on where 1 x 64 stopped."""
        return {"rows": self.num_rows, "rows_a_step": self.batch_size * self.shard.world}

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The key (epoch, row id) of each row of this rank."""
        epoch = self.epoch
        return ((epoch, row) for row in self.rows().tolist())


class KeyedSampler(RowSampler):
    """Rows for training: another order each epoch, every row once or by a rule, an equal number on every rank.

    Only where rows do not divide by the number of ranks, up to ``world - 1`` of them, others in each epoch, are left
    out.

    Args:
        num_rows: number of rows of the split, >= 1.
        batch_size: rows of a step on one rank, >= 1.
        seed: the order is a function of (seed, epoch).
        drop_last: leave out the last, shorter step.
        shard: the rank to read for; None asks ``torch.distributed``.
        order: which rows an epoch has, from a `RowOrder`; None for every row once.

    Raises:
        DataError: code D01 or D11 as `RowSampler`; D03 when there is no full step and ``drop_last`` is set, or (on
            reading) when there are fewer rows than ranks.

    Example:
        >>> sampler = KeyedSampler(num_rows=5, batch_size=2, seed=0)
        >>> sampler.set_epoch(3)
        >>> sorted(sampler)
        [(3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]
    """

    def __init__(
        self,
        num_rows: int,
        batch_size: int,
        seed: int,
        drop_last: bool = False,
        shard: Shard | None = None,
        order: EpochOrder | None = None,
    ) -> None:
        super().__init__(num_rows, batch_size, shard)
        self.seed = seed
        self.drop_last = drop_last
        self.order = order or every_row_once(num_rows)
        self._require_a_step()

    def rows(self) -> Int64[Tensor, "m"]:
        """Row ids of this rank in this epoch's order."""
        return self._share(self.order.rows(self.seed, self.epoch))

    def keys(self) -> Int64[Tensor, "m"]:
        """As `RowSampler.keys`, counted over all ranks: row id + num_rows x (times that the row came before)."""
        order = self.order.rows(self.seed, self.epoch)
        return self._share(order + self.num_rows * copies(order) if self.order.repeats else order)

    def __len__(self) -> int:
        """Number of rows that this rank trains on in an epoch."""
        world = self.shard.world
        return full_steps_rows(self.num_rows, self.batch_size, world) // world + self._rest(world)

    def fingerprint(self) -> dict[str, int | str]:
        """As `RowSampler`, and the rule and the seed of the order."""
        return {"order": self.order.name, "seed": self.seed, **super().fingerprint()}

    def _share(self, order: Int64[Tensor, "n"]) -> Int64[Tensor, "m"]:
        """This rank's part of something a row of the whole order."""
        self._require_a_step()
        shard = self.shard
        return share(order, self.batch_size, shard, self._rest(shard.world))

    def _rest(self, world: int) -> int:
        return 0 if self.drop_last else training_rest(self.num_rows, self.batch_size, world)

    def _require_a_step(self) -> None:
        if len(self) == 0:
            world = self.shard.world
            problem = f"{self.num_rows} rows make no training step of {self.batch_size} rows on {world} rank(s)"
            raise DataError(
                "D03", problem, f"data.batch_size={max(1, self.num_rows // world)}, or data.drop_last=false"
            )


class EvaluationSampler(RowSampler):
    """Rows for an evaluation: ascending, every row once; ranks are padded to equal batches, know which rows are real.

    Distributed evaluation stays exact because the surplus is known by arithmetic: of batch i on this rank, the first
    ``real_rows(i)`` rows count and the others repeat the last row of the split.

    Args:
        num_rows: number of rows of the split, >= 1.
        batch_size: rows of a step on one rank, >= 1.
        shard: the rank to read for; None asks ``torch.distributed``.

    Raises:
        DataError: as `RowSampler`.

    Example:
        >>> sampler = EvaluationSampler(num_rows=5, batch_size=2, shard=Shard(rank=1, world=2))
        >>> sampler.rows().tolist(), [sampler.real_rows(batch) for batch in range(sampler.num_batches)]
        ([2, 3, 4], [2, 0])
    """

    def rows(self) -> Int64[Tensor, "m"]:
        """Row ids of this rank, padding included."""
        shard = self.shard
        return share(torch.arange(self.num_rows), self.batch_size, shard, self._rest(shard.world))

    def __len__(self) -> int:
        """Number of rows that this rank reads, padding included."""
        world = self.shard.world
        return full_steps_rows(self.num_rows, self.batch_size, world) // world + self._rest(world)

    def real_rows(self, batch_idx: int) -> int:
        """How many rows at the front of this rank's batch are no padding; 0 is possible in the last batch."""
        rank, world = self.shard
        full = full_steps_rows(self.num_rows, self.batch_size, world)
        if batch_idx < full // (self.batch_size * world):
            return self.batch_size
        rest = self._rest(world)
        return min(max(self.num_rows - full - rank * rest, 0), rest)

    def _rest(self, world: int) -> int:
        return evaluation_rest(self.num_rows, self.batch_size, world)
