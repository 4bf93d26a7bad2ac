"""The best cut for all classes against every cut there is."""

import math

import pytest
import sklearn.metrics
import torch
from hypothesis import given
from judged import VALUES, f1, gain, judged, worth

from torchheads.decisions.functional import curves, narrowing, shared
from torchheads.decisions.functional.curves import best_cuts
from torchheads.decisions.functional.shared import best_of_both, best_pooled_cut, best_shared_cut
from torchheads.decisions.objectives import ExpectedCost, PrecisionAtRecall, RecallAtPrecision


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


def test_where_nothing_is_known_the_cut_stays_at_one_half():
    scores, target, known = torch.randn(4, 3), torch.rand(4, 3) < 0.5, torch.zeros(4, 3, dtype=torch.bool)
    assert best_pooled_cut(scores, target, f1, known) == 0.0
    assert best_shared_cut(scores, target, f1, "classes", known) == 0.0
    assert best_shared_cut(scores, target, f1, "rows", known) == 0.0


# More than can be sorted at once --------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    """A few entries at once, a few edges; returns the windows that were looked at."""
    windows = []
    monkeypatch.setattr(shared, "ENTRIES", 64)
    monkeypatch.setattr(curves, "ENTRIES", 128)
    monkeypatch.setattr(narrowing, "EDGES", 16)
    whole = narrowing.Survey.window
    monkeypatch.setattr(narrowing.Survey, "window", lambda self: windows.append(whole(self)) or windows[-1])
    return windows


def case(digits, seed=3):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(300, 7, generator=generator).round(decimals=digits)
    target = torch.rand(300, 7, generator=generator) < (scores - 1).sigmoid()
    return scores, target, torch.rand(300, 7, generator=generator) < 0.9


@pytest.mark.parametrize("groups", ["classes", "rows"])
@pytest.mark.parametrize("digits", [6, 1])  # with many equal scores too
def test_a_narrowed_search_finds_the_same(groups, digits, request):
    scores, target, known = case(digits)
    whole = best_shared_cut(scores, target, f1, groups, known)
    windows = request.getfixturevalue("small")
    assert best_shared_cut(scores, target, f1, groups, known) == whole
    assert len(windows) >= 2


@pytest.mark.parametrize("digits", [6, 1])
def test_one_pass_finds_the_cuts_of_all_and_of_each(digits, request):
    scores, target, known = case(digits)
    own, cut = best_cuts(scores, target, f1, known), best_shared_cut(scores, target, gain, "classes", known)
    for _ in range(2):
        both = best_of_both(scores, target, f1, gain, known)
        assert both[1] == cut
        assert all(torch.equal(one, other) for one, other in zip(both[0], own, strict=True))
        request.getfixturevalue("small")


def test_a_pooled_search_is_narrowed_too(request):
    scores, target, _ = case(6)
    objectives = [f1, PrecisionAtRecall(0.8).value, RecallAtPrecision(0.4).value]
    whole = [best_pooled_cut(scores, target, value) for value in objectives]
    windows = request.getfixturevalue("small")
    assert [best_pooled_cut(scores, target, value) for value in objectives] == whole
    assert len(windows) >= 3


def test_values_by_class_are_told_apart_in_every_pass(request):
    scores, target, _ = case(6)
    objective = ExpectedCost([1.0, 2.0, 3.0, 0.5, 0.2, 1.0, 4.0], 1.0)
    whole = best_shared_cut(scores, target, objective.value, "classes")
    request.getfixturevalue("small")
    assert best_shared_cut(scores, target, objective.value, "classes") == whole
    assert best_of_both(scores, target, objective.value, objective.value)[1] == whole


@pytest.mark.parametrize("narrowed", [False, True])
def test_only_groups_that_are_classes_say_which_they_are(narrowed, request):
    scores, target, known = case(6)
    told = []

    def value(counts):
        told.append(counts.classes is not None)
        return f1(counts)

    if narrowed:
        request.getfixturevalue("small")
    best_shared_cut(scores, target, value, "rows", known)
    best_pooled_cut(scores, target, value, known)
    assert not any(told)
    told.clear()
    best_shared_cut(scores, target, value, "classes", known)
    assert all(told)


@given(case=judged())
def test_every_window_holds_the_best_cut(case):
    scores, target, known = case
    entries = (scores if known is None else scores.masked_fill(~known, -math.inf)).T
    survey = narrowing.Survey(entries, narrowing.everything(entries), f1)
    for ranked, counts in curves.ranked_blocks(entries, target.T):
        survey.add(ranked, counts)
    window = survey.window()
    every = {cut: sum(worth(scores >= cut, target, known, f1)) for cut in every_cut(scores, known)}
    best = max(cut for cut, found in every.items() if found >= max(every.values()) - 1e-9)
    assert best >= window.lower
    assert best < window.upper or math.isinf(best)


def test_equal_scores_end_the_search(small):
    scores, target = torch.zeros(100, 3), torch.rand(100, 3) < 0.5
    assert best_shared_cut(scores, target, f1, "classes") == 0.0
    assert len(small) == 1
