"""The best cut of each class among all cut points there are: one sort a class, nothing sampled.

m rows (examples or positions), c classes, g groups of entries that are judged together, k cut points.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Int, Shaped
from torch import Tensor

ENTRIES = 2**20
"""Entries that are sorted at once: what is held beside the scores stays below 100 MB."""


class Counts(NamedTuple):
    """What each cut of a group takes: all of float64, shapes that go together.

    Attributes:
        hits: how many entries it takes rightly.
        taken: how many it takes.
        positives: how many are right to take in all.
        classes: which classes the groups are, for values that differ by class; None where they are no classes.
    """

    hits: Tensor
    taken: Tensor
    positives: Tensor
    classes: Any = None


Value = Callable[[Counts], Tensor]
"""What a cut is worth, the more the better; -inf for one that is not allowed."""


class BestCuts(NamedTuple):
    """The best cut of each class, shape (c,) each: in score space, what it is worth, and what it takes."""

    cuts: Float64[Tensor, "c"]
    values: Float64[Tensor, "c"]
    hits: Float64[Tensor, "c"]
    taken: Float64[Tensor, "c"]


def best_cuts(
    scores: Float[Tensor, "m c"],
    target: Bool[Tensor, "m c"],
    value: Value,
    known: Bool[Tensor, "m c"] | None = None,
) -> BestCuts:
    """The cut of each class that is worth most, each class judged alone; O(m log m) a class.

    Equal scores are never parted. A cut lies midway between the last score taken and the first one left, at the lowest
    score where all are taken, and above the highest where taking none is best. The highest cut wins among equals.

    Args:
        scores: shape (m, c); -inf is never taken.
        target: which entries are right to take, shape (m, c).
        value: of cuts; its counts have shape (c, m), one group a class.
        known: False where it is not known whether a class is right, shape (m, c); such an entry counts nowhere.

    Example:
        >>> f1 = lambda counts: 2 * counts.hits / (counts.taken + counts.positives)
        >>> best_cuts(torch.tensor([[2.0], [1.0], [0.0]]), torch.tensor([[True], [True], [False]]), f1).cuts
        tensor([0.5000], dtype=torch.float64)
    """
    parts = [best_of(*block, value) for block in ranked_blocks(scores.T, target.T, known_of(known))]
    return BestCuts(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def best_of(ranked: Float[Tensor, "g k"], counts: Counts, value: Value) -> BestCuts:
    """The best cut of each group from its ranked scores, shape (g,) each."""
    values = value(counts).masked_fill_(~ends(ranked), -torch.inf)
    worth, place = values.max(dim=1, keepdim=True)
    nothing = value(nothing_taken(counts))
    empty = nothing >= worth
    cut = between(ranked, place).where(~empty, above_all(ranked))
    hits = counts.hits.gather(1, place).where(~empty, 0)
    taken = (place + 1).double().where(~empty, 0)
    return BestCuts(*(column.squeeze(1) for column in (cut, worth.maximum(nothing), hits, taken)))


def ranked_blocks(
    scores: Float[Tensor, "g k"], target: Bool[Tensor, "g k"], known: Bool[Tensor, "g k"] | None = None
) -> Iterator[tuple[Float[Tensor, "b k"], Counts]]:
    """The ranked scores and counts of some groups at a time, of about `ENTRIES` entries."""
    width = max(1, ENTRIES // max(scores.shape[1], 1))
    for start in range(0, scores.shape[0], width):
        groups = slice(start, min(start + width, scores.shape[0]))
        block = scores[groups] if known is None else scores[groups].masked_fill(~known[groups], -torch.inf)
        yield ranked_counts(block, target[groups], groups)


def known_of(known: Bool[Tensor, "m c"] | None) -> Bool[Tensor, "c m"] | None:
    """What is known, class by class, shape (c, m)."""
    return None if known is None else known.T


def ranked_counts(
    scores: Float[Tensor, "g k"], target: Bool[Tensor, "g k"], classes: slice | None = None
) -> tuple[Float[Tensor, "g k"], Counts]:
    """The scores of each group from the highest on, and what is taken down to each of them, shape (g, k)."""
    ranked, right = ranked_answers(scores, target)
    hits = right.cumsum(dim=1, dtype=torch.float64)
    taken = torch.arange(1, ranked.shape[1] + 1, dtype=torch.float64, device=ranked.device)
    return ranked, Counts(hits, taken, (target & (scores > -torch.inf)).sum(dim=1, keepdim=True).double(), classes)


def ranked_answers(
    scores: Float[Tensor, "g k"], target: Bool[Tensor, "g k"]
) -> tuple[Float[Tensor, "g k"], Shaped[Tensor, "g k"]]:
    """The scores of each group from the highest on, and whether each is right, shape (g, k).

    Of float32 scores the bits, read as an integer that rises with the score, are sorted together with the answer as
    their last bit: half again as fast as sorting floats, which may be NaN, and looking the answers up.

    Example:
        >>> ranked, right = ranked_answers(torch.tensor([[1.0, -0.0, 2.0]]), torch.tensor([[True, False, False]]))
        >>> ranked.tolist(), right.tolist()
        ([[2.0, 1.0, 0.0]], [[0, 1, 0]])
    """
    if scores.dtype != torch.float32:
        ranked, order = scores.contiguous().sort(dim=1, descending=True)
        return ranked, target.gather(1, order)
    bits = (scores.contiguous() + 0.0).view(torch.int32)  # -0.0 becomes 0.0, which it is equal to
    keys = flipped(bits).long() * 2 + target
    keys = keys.sort(dim=1, descending=True).values
    return flipped((keys >> 1).int()).view(torch.float32), keys & 1


def flipped(bits: Int[Tensor, "g k"]) -> Int[Tensor, "g k"]:
    """Bits of float32 as integers that rise with the number, and back: those of negative numbers turned round."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def nothing_taken(counts: Counts) -> Counts:
    """The counts of a cut above all scores, shape (g, 1)."""
    zero = torch.zeros_like(counts.positives)
    return counts._replace(hits=zero, taken=zero)


def ends(ranked: Float[Tensor, "g k"]) -> Bool[Tensor, "g k"]:
    """After which scores, from the highest on, a cut can be made: after the last of its value, and none at -inf.

    Example:
        >>> ends(torch.tensor([[2.0, 1.0, 1.0]]))
        tensor([[ True, False,  True]])
    """
    last = torch.ones_like(ranked, dtype=torch.bool)
    last[:, :-1] = ranked[:, :-1] != ranked[:, 1:]
    return last & (ranked > -torch.inf)


def between(ranked: Float[Tensor, "g k"], place: Any) -> Float64[Tensor, "g 1"]:
    """A number midway between the score at a place and the next lower one; the score itself where there is none.

    float32 keeps it above the lower and not above the upper score: it is the upper one where they touch.

    Args:
        ranked: scores from the highest on.
        place: of each group, shape (g, 1), int64.

    Example:
        >>> between(torch.tensor([[3.0, 1.0]]), torch.tensor([[0]]))
        tensor([[2.]], dtype=torch.float64)
    """
    upper = ranked.gather(1, place).double()
    lower = ranked.gather(1, (place + 1).clamp(max=ranked.shape[1] - 1)).double()
    middle = (lower + (upper - lower) / 2).float().double()
    return middle.where((lower < middle) & (middle <= upper), upper)


def above_all(ranked: Float[Tensor, "g k"]) -> Float64[Tensor, "g 1"]:
    """The number next above the highest score, in float32, shape (g, 1)."""
    highest = ranked[:, :1].float()
    return highest.nextafter(torch.full_like(highest, torch.inf)).double()
