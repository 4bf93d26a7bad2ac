"""Rows gathered while a model runs over a split: ids, logits and targets, whole and in order, whatever the ranks saw.

n examples, c classes.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Rows(NamedTuple):
    """One split as the model saw it, sorted by row id.

    Attributes:
        index: row ids, shape (n,) int64.
        logits: shape (n, c) or (n, c, *spatial), on the CPU.
        target: shape (n,) or (n, c), on the CPU.
    """

    index: Tensor  # type: ignore[assignment]  # shadows tuple.index, which nobody asks of a split
    logits: Tensor
    target: Tensor


class Collector:
    """Keeps the rows of one pass on the CPU; `gather` joins the ranks. Every rank must call `gather`, empty or not."""

    def __init__(self) -> None:
        self._parts: list[Rows] = []

    def add(self, index: Tensor, logits: Tensor, target: Tensor) -> None:
        """Keep a batch: index (n,), logits (n, c, *spatial), target (n, ...)."""
        self._parts.append(Rows(*(value.detach().cpu() for value in (index, logits, target))))

    def gather(self) -> Rows:
        """All rows of all ranks, sorted by id, and an empty collector behind; shapes as in `Rows`."""
        parts = [part for parts in all_ranks(self._parts) for part in parts]
        self._parts = []
        whole = Rows(*(torch.cat(values) for values in zip(*parts, strict=True)))
        order = whole.index.argsort()
        return Rows(*(value[order] for value in whole))


def all_ranks(parts: list[Rows]) -> list[list[Rows]]:
    """The lists of all ranks; the list alone where there is one process."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [parts]
    gathered: list[list[Rows]] = [[] for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(gathered, parts)
    return gathered
