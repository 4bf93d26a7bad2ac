"""The best cut for all classes against every cut there is."""

import math

import pytest
import sklearn.metrics
import torch
from hypothesis import given
from judged import VALUES, f1, judged, worth

from torchheads.decisions.functional.shared import best_pooled_cut, best_shared_cut


def transposed(known):
    return None if known is None else known.T


def every_cut(scores, known):
    return [math.inf, *(float(s) for s in scores[scores > -math.inf if known is None else known])]


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("groups", ["classes", "rows"])
@given(case=judged())
def test_no_shared_cut_is_better_and_none_as_good_is_higher(case, groups, name):
    scores, target, known = case
    value = VALUES[name]

    def total(cut):
        parts = scores >= cut, target, known
        if groups == "rows":
            parts = parts[0].T, parts[1].T, transposed(parts[2])
        return sum(worth(*parts, value))

    cut = best_shared_cut(scores, target, value, groups, known)
    every = {candidate: total(candidate) for candidate in every_cut(scores, known)}
    best = max(every.values())
    assert total(cut) == pytest.approx(best, abs=1e-9)
    highest = max(candidate for candidate, found in every.items() if found == pytest.approx(best, abs=1e-9))
    judged_entries = scores if known is None else scores[known]
    assert torch.equal(judged_entries >= cut, judged_entries >= highest)


@given(case=judged())
def test_a_pooled_cut_is_that_of_one_column(case):
    scores, target, known = case
    column = scores.reshape(-1, 1), target.reshape(-1, 1), None if known is None else known.reshape(-1, 1)
    cut = best_pooled_cut(scores, target, f1, known)
    every = [worth(column[0] >= candidate, *column[1:], f1)[0] for candidate in every_cut(scores, known)]
    assert worth(column[0] >= cut, *column[1:], f1)[0] == pytest.approx(max(every))


def test_scikit_learn_agrees():
    scores, target = torch.randn(100, 5), torch.rand(100, 5) < 0.3
    macro = best_shared_cut(scores, target, f1, "classes")
    micro = best_pooled_cut(scores, target, f1)
    for average, cut in (("macro", macro), ("micro", micro)):

        def score(candidate, average=average):
            return sklearn.metrics.f1_score(target, scores >= candidate, average=average, zero_division=0.0)

        assert score(cut) == pytest.approx(max(score(candidate) for candidate in scores.flatten()[::3]), abs=0.02)
        assert score(cut) >= max(score(candidate) for candidate in scores.flatten()[::3]) - 1e-12
