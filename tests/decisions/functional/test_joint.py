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


@pytest.mark.parametrize("beta", [0.5, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_nor_has_any_of_two_classes_of_many_rows(beta, seed):
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(30, 2, generator=random)
    target = torch.rand(30, 2, generator=random) < (scores - torch.tensor([0.0, 2.0])).sigmoid()
    known = torch.rand(30, 2, generator=random) < 0.5
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


# Where a cut is left or put among equals ------------------------------------------------------------------------------


def exact_cuts(scores, target, start, known=None):
    scores, target = torch.tensor(scores), torch.tensor(target)
    start = torch.tensor(start, dtype=torch.float64)
    return best_coordinate_cuts(scores, target, ExactMatch().value, start, known).tolist()


def test_a_cut_that_cannot_be_bettered_is_left_where_it_was():
    # rows {0, 1} and {}: the first cut parts 2 from 1; the second takes 0 and not -1, as anything above -1 would
    scores, target = [[2.0, 0.0], [1.0, -1.0]], [[True, True], [False, False]]
    assert exact_cuts(scores, target, [0.0, 0.0]) == [1.5, 0.0]
    assert exact_cuts(scores, target, [1.25, -0.25]) == [1.25, -0.25]
    # nothing is right, and nothing is taken
    assert exact_cuts([[1.0], [0.0]], [[False], [False]], [5.0]) == [5.0]


def test_the_highest_of_equally_good_cuts_is_taken():
    # down from 2: a row made wrong, one made right, one made wrong; no row, or two of them, are worth the same
    above_all = float(torch.tensor(2.0).nextafter(torch.tensor(3.0)))
    assert exact_cuts([[2.0], [1.0], [0.0]], [[False], [True], [False]], [-1.0]) == [above_all]


def test_what_is_not_known_is_not_taken_by_a_cut_below_everything():
    # as if the unknown entries were no classes of their rows: {0}, {1} and {}, and every label is above 0
    scores = torch.tensor([[1.0, 9.0], [9.0, 1.0], [-1.0, 9.0]])
    target = torch.tensor([[True, True], [True, True], [False, True]])
    known = torch.tensor([[True, False], [False, True], [True, False]])
    start = torch.full((2,), -math.inf, dtype=torch.float64)
    cuts = best_coordinate_cuts(scores, target, ExactMatch().value, start, known).tolist()
    assert cuts == [0.0, -math.inf]  # the second class has one known entry, which is right and stays taken
