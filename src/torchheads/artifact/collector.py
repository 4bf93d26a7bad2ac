"""Rows gathered while a model runs over a split: ids, logits and targets, whole and in order, whatever the ranks saw.

n examples, c classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchheads.targets import LabelLists, each


class Rows(NamedTuple):
    """One split as the model saw it, sorted by row id, on the CPU; all but the ids are dicts by head for several heads.

    Attributes:
        index: row ids, shape (n,) int64.
        logits: shape (n, c) or (n, c, *spatial).
        target: shape (n, ...), or `LabelLists` of n examples.
        mask: as `ClassificationHead.loss` takes it; None where everything is known.
    """

    index: Tensor  # type: ignore[assignment]  # shadows tuple.index, which nobody asks of a split
    logits: Any
    target: Any
    mask: Any = None


class Collector:
    """Keeps the rows of one pass on the CPU; `gather` joins the ranks. Every rank must call `gather`, empty or not."""

    def __init__(self) -> None:
        self._parts: list[Rows] = []

    def add(self, index: Tensor, logits: Any, target: Any, mask: Any = None) -> None:
        """Keep a batch: index (n,), logits (n, c, *spatial), target (n, ...) and mask; also by head."""
        self._parts.append(Rows(*(each(on_cpu, value) for value in (index, logits, target, mask))))

    def gather(self) -> Rows:
        """All rows of all ranks, sorted by id, and an empty collector behind; shapes as in `Rows`."""
        parts = [part for parts in all_ranks(self._parts) for part in parts]
        self._parts = []
        index, logits, target, masks = (list(values) for values in zip(*parts, strict=True))
        whole = (joined(index), joined(logits), joined(target), joined_masks(masks, [len(ids) for ids in index]))
        order = whole[0].argsort()
        return Rows(*(each(lambda value: value[order], values) for values in whole))


def on_cpu(value: Tensor | LabelLists) -> Tensor | LabelLists:
    """A tensor without its graph, or label lists, on the CPU."""
    return value.to("cpu") if isinstance(value, LabelLists) else value.detach().cpu()


def joined(values: Sequence[Any]) -> Any:
    """Batches of tensors, of label lists, or of dicts of them, one after the other.

    Example:
        >>> joined([{"tags": torch.zeros(2)}, {"tags": torch.ones(1)}])
        {'tags': tensor([0., 0., 1.])}
    """
    first = values[0]
    if isinstance(first, Mapping):
        return {name: joined([value[name] for value in values]) for name in first}
    return LabelLists.cat(values) if isinstance(first, LabelLists) else torch.cat(list(values))


def joined_masks(masks: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Masks of batches of these sizes, one after the other; a batch without one, which knows everything, gets all True.

    Example:
        >>> joined_masks([None, torch.tensor([False])], sizes=[2, 1]), joined_masks([None, None], sizes=[2, 1])
        (tensor([ True,  True, False]), None)
    """
    given = [mask for mask in masks if mask is not None]
    if not given:
        return None
    if isinstance(given[0], Mapping):
        names = dict.fromkeys(name for mask in given for name in mask)
        return {name: joined_masks([(mask or {}).get(name) for mask in masks], sizes) for name in names}
    shape = given[0].shape[1:]
    return torch.cat(
        [given[0].new_ones(size, *shape) if mask is None else mask for mask, size in zip(masks, sizes, strict=True)]
    )


def all_ranks(parts: list[Rows]) -> list[list[Rows]]:
    """The lists of all ranks; the list alone where there is one process."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [parts]
    gathered: list[list[Rows]] = [[] for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(gathered, parts)
    return gathered
