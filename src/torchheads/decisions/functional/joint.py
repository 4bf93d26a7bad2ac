"""Cuts of all classes that are good together, where what one class takes changes what another's cut is worth.

m rows (examples or positions), c classes.
"""

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.decisions.functional.curves import BestCuts, Counts, Value, best_cuts, between, ends

ROUNDS = 50
"""Rounds after which a search stops; it is over when nothing changes, which takes a handful."""


def best_ratio_cuts(
    scores: Float[Tensor, "m c"],
    target: Bool[Tensor, "m c"],
    beta: float,
    known: Bool[Tensor, "m c"] | None = None,
) -> BestCuts:
    """The cuts of all classes that maximise micro-F-beta, the very best of all combinations of cuts.

        F = (1 + b^2) TP / (taken + b^2 P)

    is a ratio of sums over classes. It is at least r where some cuts make (1 + b^2) TP - r (taken + b^2 P) at least 0,
    and that sum is maximised class by class; r is raised until it cannot be. A few rounds of O(c m log m).

    Args:
        scores: shape (m, c).
        target: shape (m, c), with at least one positive entry.
        beta: weight of recall against precision.
        known: False where it is not known whether a class is right, shape (m, c).

    Example:
        >>> scores = torch.tensor([[2.0, 0.0], [1.0, -1.0]])
        >>> best_ratio_cuts(scores, torch.tensor([[True, False], [False, True]]), beta=1.0).cuts
        tensor([ 1.5000, -1.0000], dtype=torch.float64)

    Source: Dinkelbach (1967), "On nonlinear fractional programming".
    """
    weight, ratio = beta**2, 0.0
    positives = (target if known is None else target & known).sum().double()
    for _ in range(ROUNDS):
        best = best_cuts(scores, target, _gain(1 + weight, ratio), known)
        raised = float((1 + weight) * best.hits.sum() / (best.taken.sum() + weight * positives))
        if raised <= ratio:
            break
        ratio = raised
    return best


def _gain(reward: float, price: float) -> Value:
    return lambda counts: reward * counts.hits - price * counts.taken


def best_coordinate_cuts(
    scores: Float[Tensor, "m c"],
    target: Bool[Tensor, "m c"],
    value: Value,
    start: Float64[Tensor, "c"],
    known: Bool[Tensor, "m c"] | None = None,
) -> Float64[Tensor, "c"]:
    """Cuts that no change of one class's cut alone can better, where each row's set is judged as a whole, shape (c,).

    Class by class, given what the others take, the best of all cut points; round after round until nothing is gained.
    O(c m log m) a round. What is found is at least as good as the start, and may be a local maximum.

    Args:
        scores: shape (m, c).
        target: shape (m, c).
        value: of what is taken of a row; its counts have shape (m, 1), one group a row.
        start: the cuts to begin with, shape (c,).
        known: False where it is not known whether a class is right, shape (m, c).

    Example:
        >>> exact = lambda counts: ((counts.hits == counts.positives) & (counts.taken == counts.positives)).double()
        >>> scores, target = torch.tensor([[2.0, 0.0], [1.0, -1.0]]), torch.tensor([[True, True], [False, False]])
        >>> best_coordinate_cuts(scores, target, exact, torch.zeros(2, dtype=torch.float64))
        tensor([1.5000, 0.0000], dtype=torch.float64)
    """
    cuts, entries = start.clone(), scores if known is None else scores.masked_fill(~known, -torch.inf)
    chosen = (entries >= cuts) & (entries > -torch.inf)
    positives = (target & (entries > -torch.inf)).sum(dim=1, keepdim=True).double()
    for _ in range(ROUNDS):
        gained = False
        for c in range(scores.shape[1]):
            others = chosen.clone()
            others[:, c] = False
            hits, taken = (others & target).sum(dim=1, keepdim=True), others.sum(dim=1, keepdim=True)
            without = value(Counts(hits.double(), taken.double(), positives))
            with_it = value(Counts((hits + target[:, c, None]).double(), (taken + 1).double(), positives))
            cut, gain = _best_cut(entries[:, c], (with_it - without).squeeze(1))
            if gain > float((with_it - without)[chosen[:, c]].sum()) + 1e-9:
                cuts[c], gained = cut, True
                chosen[:, c] = entries[:, c] >= cut
        if not gained:
            break
    return cuts


def _best_cut(scores: Float[Tensor, "m"], gains: Float64[Tensor, "m"]) -> tuple[float, float]:
    """The cut down to which the sum of gains is largest, and that sum; above all scores where none is above 0."""
    ranked, order = scores[None].sort(descending=True)
    worth = gains[order].cumsum(dim=1).masked_fill(~ends(ranked), -torch.inf)
    best, place = worth.max(dim=1, keepdim=True)
    if not best > 0:
        return float(torch.nextafter(ranked[0, 0].float(), torch.tensor(torch.inf))), 0.0
    return float(between(ranked, place)), float(best)
