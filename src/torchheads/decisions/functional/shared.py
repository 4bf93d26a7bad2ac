"""The one cut for all classes that is best among all cut points there are.

m rows (examples or positions), c classes.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchheads.decisions.functional.curves import (
    Value,
    above_all,
    best_cuts,
    between,
    ends,
    nothing_taken,
    ranked_counts,
)


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
    column = [None if part is None else part.reshape(-1, 1) for part in (scores, target, known)]
    return float(best_cuts(column[0], column[1], value, column[2]).cuts)  # type: ignore[arg-type]


def best_shared_cut(
    scores: Float[Tensor, "m c"],
    target: Bool[Tensor, "m c"],
    value: Value,
    groups: Literal["classes", "rows"],
    known: Bool[Tensor, "m c"] | None = None,
) -> float:
    """The cut that is worth most summed over classes, or over rows, when it is the same for all; O(m c log(m c)).

    Going down the scores, each entry changes what the cut is worth to its own class (row) alone; the running sum of
    these changes is the worth of every cut there is. Ties and the place of the cut are as in `best_cuts`.

    Args:
        scores: shape (m, c); -inf is never taken.
        target: which entries are right to take, shape (m, c).
        value: of what a cut takes of each class, counts of shape (c, m), or of each row, (m, c); finite.
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
        ranked, counts = ranked_counts(entries.T, target.T, slice(None))
    else:
        ranked, counts = ranked_counts(entries, target)
    nothing = value(nothing_taken(counts))
    changes = value(counts).diff(dim=1, prepend=nothing)
    ranked, order = ranked.reshape(1, -1).sort(descending=True)
    worth = changes.flatten()[order].cumsum(dim=1).masked_fill(~ends(ranked), -torch.inf)
    best, place = worth.max(dim=1, keepdim=True)
    return float(between(ranked, place) if best > 0 else above_all(ranked))
