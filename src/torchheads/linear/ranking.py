"""The best classes of a linear classifier, found a chunk of classes at a time.

n examples, d features, c classes, k of them asked for, w classes of one chunk.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from torchheads.errors import HeadConfigError
from torchheads.linear.base import ChunkedLinear
from torchheads.linear.shard import Part


class Ranked(NamedTuple):
    """Classes from the best down: ``values`` (n, k) and ``indices`` (n, k); the lowest index first among equals."""

    values: Float[Tensor, "n k"]
    indices: Int64[Tensor, "n k"]


@torch.no_grad()
def linear_top_k(
    features: Float[Tensor, "n d"],
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, "c"] | None,
    k: int,
    chunk_classes: int | None = None,
) -> Ranked:
    """The k largest of the logits W h + b of each row, without the logits of all classes at once.

    Values and indices are those of a stable sort of the dense logits. Nothing is differentiated. For calibrated scores
    of a head use `torchheads.best_classes`.

    Args:
        features: floating point, shape (n, d).
        weight: shape (c, d).
        bias: shape (c,), or None.
        k: how many classes, 1..C.
        chunk_classes: how many classes to take at a time; by default as the losses do.

    Returns:
        Logits in float32 (float64 for float64 features) and class indices, both of shape (n, k).

    Raises:
        HeadConfigError: code H03, for k outside 1..C.
        LogitsError: code L04, for features of another dtype than the weight.

    Example:
        >>> weight = torch.tensor([[1.0], [3.0], [3.0], [2.0]])
        >>> linear_top_k(torch.ones(1, 1), weight, None, 3, chunk_classes=2)
        Ranked(values=tensor([[3., 3., 2.]]), indices=tensor([[1, 2, 3]]))

    Source: this package; a merge of the best so far with the best of each chunk.
    """
    check_count(k, weight.shape[0])
    linear = ChunkedLinear(features, weight, bias, (False, False, False), chunk_classes)
    leaders = Leaders(k, linear)
    with torch.autocast(features.device.type, enabled=False):
        for classes in linear.chunks:
            leaders.add(linear.logits(classes), classes)
    return leaders.ranked


class Leaders:
    """The k best classes of each row so far, as its values come a chunk at a time, in the order of classes.

    A chunk costs one look at its largest value, and more only in rows where that beats the k-th best: with classes in
    no particular order in about k ln(C / k) of all chunks and rows.
    """

    def __init__(self, k: int, linear: ChunkedLinear) -> None:
        self.k = k
        values = linear.features.new_empty(linear.rows, 0, dtype=linear.full)
        self.ranked = Ranked(values, values.long())

    def add(self, values: Float[Tensor, "n w"], classes: slice) -> None:
        """Take in the values (n, w) of one chunk; they stay as they are."""
        best, best_indices = self.ranked
        indices = torch.arange(classes.start, classes.stop, device=values.device)
        if best.shape[1] < self.k:
            self.ranked = self._merged(best, best_indices, values, indices)
            return
        rows = (~(values.amax(dim=1) <= best[:, -1])).nonzero().squeeze(1)  # an equal one comes later, and loses
        if len(rows):
            better = self._merged(best[rows], best_indices[rows], values[rows], indices)
            self.ranked = Ranked(best.index_copy(0, rows, better.values), best_indices.index_copy(0, rows, better[1]))

    def of_all(self, part: Part) -> Ranked:
        """The k best of all classes, where those that came were a part's."""
        values, indices = (part.gather(found, 1) for found in self.ranked)
        best, places = stable_top_k(values, self.k)
        return Ranked(best, indices.gather(1, places))

    def _merged(self, best: Tensor, best_indices: Tensor, values: Tensor, indices: Tensor) -> Ranked:
        """The k best of what was best and of a chunk, whose classes all come after."""
        every, places = stable_top_k(torch.cat([best, values], dim=1), self.k)
        old = best.shape[1]
        chosen = indices[(places - old).clamp(min=0)]
        if old:
            chosen = chosen.where(places >= old, best_indices.gather(1, places.clamp(max=old - 1)))
        return Ranked(every, chosen)


def stable_top_k(values: Float[Tensor, "n w"], k: int) -> Ranked:
    """The first k (or all) of a stable sort of each row from the largest down; sorts only rows with ties at the end.

    Example:
        >>> stable_top_k(torch.tensor([[1.0, 2.0, 2.0, 2.0]]), 2)
        Ranked(values=tensor([[2., 2.]]), indices=tensor([[1, 2]]))
    """
    width = values.shape[1]
    best, places = values.topk(min(k + 1, width), dim=1)
    places = places[:, :k].sort(dim=1).values
    ordered, order = values.gather(1, places).sort(dim=1, descending=True, stable=True)
    places = places.gather(1, order)
    if k < width:
        tied = (best[:, k] == best[:, k - 1]).nonzero().squeeze(1)  # of which topk takes any
        if len(tied):
            places = places.index_copy(0, tied, values[tied].sort(dim=1, descending=True, stable=True).indices[:, :k])
    return Ranked(ordered, places)


def check_count(k: int, num_classes: int) -> None:
    """Refuse a number of classes that cannot be ranked; code H03."""
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= num_classes:
        raise HeadConfigError("H03", f"the best k={k!r:.20} of {num_classes} classes; allowed 1..{num_classes}", "k=1")
