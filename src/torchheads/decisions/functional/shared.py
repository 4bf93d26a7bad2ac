"""The one cut for all classes that is best among all cut points there are.

m rows (examples or positions), c classes, g groups of entries that are judged together, k entries of each.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.decisions.functional.curves import (
    ENTRIES,
    BestCuts,
    Counts,
    Value,
    above_all,
    best_of,
    between,
    ends,
    ranked_blocks,
)
from torchheads.decisions.functional.narrowing import Contents, Survey, Window, contents, everything


def best_pooled_cut(
    scores: Float[Tensor, "m c"],
    target: Bool[Tensor, "m c"],
    value: Value,
    known: Bool[Tensor, "m c"] | None = None,
) -> float:
    """The cut that is worth most when all entries are judged together, as of one class; see `best_cuts`.

    Example:
        >>> f1 = lambda counts: 2 * counts.hits / (counts.taken + counts.positives)
        >>> scores, target = torch.tensor([[2.0, -1.0], [0.0, -3.0]]), torch.tensor([[True, False], [True, False]])
        >>> best_pooled_cut(scores, target, f1)
        -0.5
    """
    entries = scores if known is None else scores.masked_fill(~known, -torch.inf)
    return best_cut(entries.reshape(1, -1), target.reshape(1, -1), value, False, everything(entries))


def best_shared_cut(
    scores: Float[Tensor, "m c"],
    target: Bool[Tensor, "m c"],
    value: Value,
    groups: Literal["classes", "rows"],
    known: Bool[Tensor, "m c"] | None = None,
) -> float:
    """The cut that is worth most summed over classes, or over rows, when it is the same for all.

    Going down the scores, each entry changes what the cut is worth to its own class (row) alone; the running sum of
    these changes is the worth of every cut there is. Where there are too many scores to sort at once, the search is
    narrowed first (`Survey`). Ties and the place of the cut are as in `best_cuts`.

    Args:
        scores: shape (m, c); -inf is never taken.
        target: which entries are right to take, shape (m, c).
        value: of what a cut takes of each class, counts of shape (c, m), or of each row, (m, c); finite, larger with
            more hits and smaller with more entries taken wrongly.
        groups: whose worth is added up.
        known: False where it is not known whether a class is right, shape (m, c); such an entry counts nowhere.

    Example:
        >>> exact = lambda counts: ((counts.hits == counts.positives) & (counts.taken == counts.positives)).double()
        >>> scores, target = torch.tensor([[2.0, 0.0], [1.0, -3.0]]), torch.tensor([[True, False], [False, False]])
        >>> best_shared_cut(scores, target, exact, "rows")
        1.5
    """
    entries = scores if known is None else scores.masked_fill(~known, -torch.inf)
    if groups == "classes":
        return best_cut(entries.T, target.T, value, True, everything(entries))
    return best_cut(entries, target, value, False, everything(entries))


def best_of_both(
    scores: Float[Tensor, "m c"],
    target: Bool[Tensor, "m c"],
    value: Value,
    shared_value: Value,
    known: Bool[Tensor, "m c"] | None = None,
) -> tuple[BestCuts, float]:
    """`best_cuts` and `best_shared_cut` over classes, the scores of each class sorted once for both.

    Args:
        scores: shape (m, c).
        target: shape (m, c).
        value: of a class's own cut.
        shared_value: what the cut of all is worth to each class.
        known: False where it is not known whether a class is right, shape (m, c).
    """
    entries = scores if known is None else scores.masked_fill(~known, -torch.inf)
    survey = Survey(entries.T, everything(entries), shared_value)
    parts = []
    for ranked, counts in ranked_blocks(entries.T, target.T):
        parts.append(best_of(ranked, counts, value))
        survey.add(ranked, counts)
    own = BestCuts(*(torch.cat(columns) for columns in zip(*parts, strict=True)))
    return own, best_cut(entries.T, target.T, shared_value, True, survey.window())


def best_cut(
    scores: Float[Tensor, "g k"], target: Bool[Tensor, "g k"], value: Value, by_class: bool, window: Window
) -> float:
    """The best shared cut of groups of entries, known to lie in a window; shape (g, k) each."""
    while window.entries > ENTRIES:
        survey = Survey(scores, window, value)
        for ranked, counts in ranked_blocks(scores, target):
            survey.add(ranked, counts if by_class else counts._replace(classes=None))
        smaller = survey.window()
        if smaller.entries > 0.9 * window.entries:  # equal scores, which cannot be split
            break
        window = smaller
    inside = contents(scores, target, window, ENTRIES)
    if not len(inside.scores):
        return 0.0  # nothing can be taken by any cut
    ranked, (worth, above) = inside.scores[None], running_worth(inside, value, by_class)
    best, place = worth.masked_fill(~ends(ranked), -torch.inf).max(dim=1, keepdim=True)
    return float(between(ranked, place) if best > above else above_all(ranked))


def running_worth(inside: Contents, value: Value, by_class: bool) -> tuple[Float64[Tensor, "1 k"], float]:
    """What each cut of a window is worth, (1, k), and the one above the window; of several groups, less the latter."""
    by_group = inside.group.sort(stable=True).indices  # each group's entries one after the other, the highest first
    group, right = inside.group[by_group], inside.right[by_group].double()
    first = torch.ones_like(inside.right)
    first[1:] = group[1:] != group[:-1]
    since = torch.arange(len(group), device=group.device)
    start = since.where(first, 0).cummax(dim=0).values
    hits = right.cumsum(dim=0)
    hits = hits - (hits - right)[start] + inside.hits[group]
    taken = (since - start + 1) + inside.taken[group]
    classes = group if by_class else None
    counts = Counts(hits[:, None], taken[:, None], inside.positives[group][:, None], classes)
    values = value(counts)[:, 0]
    base = inside.hits[group], inside.taken[group]
    above = value(counts._replace(hits=base[0][:, None], taken=base[1][:, None]))[:, 0]
    if len(inside.hits) == 1:
        return values[None], float(above[0])
    changes = values - values.roll(1).where(~first, above)
    return torch.zeros_like(changes).scatter(0, by_group, changes).cumsum(dim=0)[None], 0.0
