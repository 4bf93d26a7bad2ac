"""Where the best shared cut can lie, when there are too many scores to sort at once: branch and bound on cut points.

g groups of entries that are judged together, k entries of each, e edges.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.decisions.functional.curves import Counts, Value

EDGES = 4096
SAMPLE = 2**18
"""Scores that edges are drawn from; they need not be spread evenly for the result to be exact."""


class Window(NamedTuple):
    """The entries of lower <= score < upper, and how many of them there are."""

    lower: float
    upper: float
    entries: int


def everything(scores: Float[Tensor, "g k"]) -> Window:
    """The window of all entries but those at -inf, which no cut takes."""
    return Window(torch.finfo(scores.dtype).min, torch.inf, scores.numel())


class Survey:
    """What cuts at a few thousand edges are worth, exactly, and at most between them, added up group by group.

    Between two edges no cut is worth more than it would be if all hits came first. Where even that is less than the
    best edge, no cut needs to be looked at.

    Args:
        scores: shape (g, k), of which edges are drawn.
        window: where the edges lie.
        value: larger with more hits and smaller with more entries taken wrongly.
    """

    def __init__(self, scores: Float[Tensor, "g k"], window: Window, value: Value) -> None:
        self.edges, self.value = drawn_edges(scores, window), value
        self.worth = torch.zeros(len(self.edges), dtype=torch.float64, device=scores.device)
        self.bound, self.entries = self.worth[1:].clone(), self.worth.clone()

    def add(self, ranked: Float[Tensor, "b k"], counts: Counts) -> None:
        """Take in groups whose entries are ranked."""
        places = torch.searchsorted(-ranked, -self.edges.expand(len(ranked), -1).contiguous(), right=True)
        hits = torch.cat([torch.zeros_like(counts.positives), counts.hits], dim=1).gather(1, places)
        taken = places.double()
        self.worth += self.value(Counts(hits, taken, counts.positives, counts.classes)).sum(dim=0)
        hopeful = taken[:, :-1] + hits[:, 1:] - hits[:, :-1]
        self.bound += self.value(Counts(hits[:, 1:], hopeful, counts.positives, counts.classes)).sum(dim=0)
        self.entries += taken.sum(dim=0)

    def window(self) -> Window:
        """The window that holds every cut which may be the best, the next lower score included."""
        best = int(self.worth.argmax())
        slack = 1e-9 * max(1.0, abs(float(self.worth[best])))
        hopeful = (self.bound >= self.worth[best] - slack).nonzero().flatten().tolist()
        first = max(0, min([*hopeful, best - 1]))
        last = min(len(self.edges) - 1, max([*hopeful, best]) + 2)
        return Window(float(self.edges[last]), float(self.edges[first]), int(self.entries[last] - self.entries[first]))


def drawn_edges(scores: Float[Tensor, "g k"], window: Window) -> Float[Tensor, "e"]:
    """Scores of the window from the highest on, its bounds first and last, shape (e,)."""
    whole = scores.reshape(-1) if scores.is_contiguous() else scores.T.reshape(-1)  # a view of either layout
    inside = whole[:: max(1, len(whole) // (8 * SAMPLE))]
    inside = inside[(inside > window.lower) & (inside < window.upper)]
    chosen = spread(spread(inside, SAMPLE).sort(descending=True).values, EDGES)
    first = torch.ones_like(chosen, dtype=torch.bool)
    first[1:] = chosen[1:] != chosen[:-1]
    return torch.cat([scores.new_tensor([window.upper]), chosen[first], scores.new_tensor([window.lower])])


def spread(values: Float[Tensor, "k"], count: int) -> Float[Tensor, "e"]:
    """At most ``count`` of the values, evenly spread over their places, the first and the last among them.

    Example:
        >>> spread(torch.arange(10.0), 4)
        tensor([0., 3., 6., 9.])
    """
    count = min(count, len(values))
    return values[torch.arange(count, device=values.device) * (len(values) - 1) // max(count - 1, 1)]


class Contents(NamedTuple):
    """The entries of a window from the highest on, shape (k,) each, and what each group, (g,), takes above it."""

    scores: Float[Tensor, "k"]
    right: Bool[Tensor, "k"]
    group: Tensor
    hits: Float64[Tensor, "g"]
    taken: Float64[Tensor, "g"]
    positives: Float64[Tensor, "g"]


def contents(scores: Float[Tensor, "g k"], target: Bool[Tensor, "g k"], window: Window, at_once: int) -> Contents:
    """What is in a window; ``at_once`` entries are looked at at once, in the order in which they lie in memory."""
    base = torch.zeros(3, scores.shape[0], dtype=torch.int64, device=scores.device)
    axis = 0 if scores.is_contiguous() else 1
    size = max(1, at_once // max(scores.shape[1 - axis], 1))
    found = []
    for start in range(0, scores.shape[axis], size):
        block, right = (part.narrow(axis, start, min(size, scores.shape[axis] - start)) for part in (scores, target))
        group, place = ((block >= window.lower) & (block < window.upper)).nonzero(as_tuple=True)
        found.append((block[group, place], right[group, place], group + (start if axis == 0 else 0)))
        above = block >= window.upper
        counts = torch.stack([(above & right).sum(1), above.sum(1), (right & (block > -torch.inf)).sum(1)])
        (base.narrow(1, start, counts.shape[1]) if axis == 0 else base).add_(counts)
    entries, right, group = (torch.cat(parts) for parts in zip(*found, strict=True))
    ranked, order = entries.sort(descending=True, stable=True)
    return Contents(ranked, right[order], group[order], *base.double())
