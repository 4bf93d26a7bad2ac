"""Cuts that are good together, against all combinations of cuts of small cases."""

import itertools
import math

import pytest
import torch
from hypothesis import assume, given, settings
from judged import judged

from torchheads.decisions.functional.joint import best_coordinate_cuts, best_ratio_cuts
from torchheads.decisions.objectives import ExactMatch, FBeta


def micro(chosen, target, known, beta):
    if known is not None:
        chosen, target = chosen & known, target & known
    hits, weight = float((chosen & target).sum()), beta**2
    return (1 + weight) * hits / float(chosen.sum() + weight * target.sum())


def combinations(scores, known):
    columns = [[math.inf, *scores[:, c].unique().tolist()] for c in range(scores.shape[1])]
    return itertools.product(*columns)


@pytest.mark.parametrize("beta", [1.0, 0.5, 2.0])
@settings(max_examples=30)
@given(case=judged())
def test_no_combination_of_cuts_has_a_better_micro_f(case, beta):
    scores, target, known = case
    assume(scores.shape[1] <= 3)
    assume((target if known is None else target & known).any())
    found = micro(scores >= best_ratio_cuts(scores, target, beta, known).cuts.float(), target, known, beta)
    every = max(micro(scores >= torch.tensor(cuts), target, known, beta) for cuts in combinations(scores, known))
    assert found == pytest.approx(every)


def rows_worth(chosen, target, known, kind):
    total = 0.0
    for i in range(len(chosen)):
        taken = {c for c in range(chosen.shape[1]) if chosen[i, c] and (known is None or known[i, c])}
        right = {c for c in range(chosen.shape[1]) if target[i, c] and (known is None or known[i, c])}
        if kind == "exact":
            total += taken == right
        else:
            total += 2 * len(taken & right) / (len(taken) + len(right)) if taken or right else 1
    return total


@pytest.mark.parametrize("kind", ["exact", "samples"])
@settings(max_examples=30)
@given(case=judged())
def test_no_change_of_one_cut_betters_sets_as_a_whole(case, kind):
    scores, target, known = case
    value = ExactMatch().value if kind == "exact" else FBeta(average="samples").value
    start = torch.zeros(scores.shape[1], dtype=torch.float64)
    cuts = best_coordinate_cuts(scores, target, value, start, known).float()
    found = rows_worth(scores >= cuts, target, known, kind)
    assert found >= rows_worth(scores >= start, target, known, kind)
    for c in range(scores.shape[1]):
        for cut in [math.inf, *scores[:, c].tolist()]:
            changed = cuts.clone()
            changed[c] = cut
            assert rows_worth(scores >= changed, target, known, kind) <= found + 1e-9
