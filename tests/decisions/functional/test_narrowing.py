"""A search that is narrowed first, with few edges and few entries at once, against the search of everything."""

import pytest
import torch
from judged import gain

from torchheads.decisions.functional import curves, narrowing, shared
from torchheads.decisions.functional.narrowing import spread
from torchheads.decisions.functional.shared import best_of_both, best_pooled_cut, best_shared_cut
from torchheads.decisions.objectives import ExactMatch


def never(counts):
    """Every entry taken costs, so that it is best to take none."""
    return counts.hits - 2 * counts.taken


def even(counts):
    """An entry taken wrongly costs what one taken rightly is worth, so that many cuts are equally good."""
    return 2 * counts.hits - counts.taken


def whole(counts):
    """Groups that are right as a whole; like the other values exact in binary, so that ties are ties."""
    return ExactMatch().value(counts)


def small_case(seed):
    """Scores with many equals, of which some are not known."""
    random = torch.Generator().manual_seed(seed)
    scores = torch.randint(-12, 12, (30, 3), generator=random) / 4
    target = torch.rand(30, 3, generator=random) < (scores - 1).sigmoid()
    return scores, target, torch.rand(30, 3, generator=random) < 0.8


def every_shared_cut(seed, value):
    scores, target, known = small_case(seed)
    return [
        best_shared_cut(scores, target, value, "classes", known),
        best_shared_cut(scores, target, value, "rows", known),
        best_shared_cut(scores.T.contiguous().T, target, value, "classes", known),  # laid out the other way
        best_pooled_cut(scores, target, value, known),
        best_of_both(scores, target, value, value, known)[1],
    ]


@pytest.mark.parametrize(("edges", "sample"), [(2, 4), (3, 4), (4, 16), (8, 16), (16, 16)])
@pytest.mark.parametrize("value", [gain, even, never, whole])
def test_with_few_edges_it_finds_the_same(edges, sample, value, monkeypatch):
    expected = [every_shared_cut(seed, value) for seed in range(8)]
    monkeypatch.setattr(shared, "ENTRIES", 4)
    monkeypatch.setattr(curves, "ENTRIES", 60)
    monkeypatch.setattr(narrowing, "EDGES", edges)
    monkeypatch.setattr(narrowing, "SAMPLE", sample)  # of 4, every second entry is looked at
    for seed in range(8):
        assert every_shared_cut(seed, value) == expected[seed]


@pytest.mark.parametrize("seed", [7, 32, 33, 34])  # where a cut far above the best edge is as good
def test_the_highest_of_equally_good_cuts_is_found(seed, monkeypatch):
    random = torch.Generator().manual_seed(seed)
    scores = torch.randint(-60, 60, (30, 3), generator=random) / 4
    target = torch.rand(30, 3, generator=random) < (scores / 5 - 1).sigmoid()
    expected = best_pooled_cut(scores, target, even)
    totals = {cut: even_total(scores, target, cut) for cut in scores.flatten().tolist()}
    highest = max(cut for cut, total in totals.items() if total == max(totals.values()))
    monkeypatch.setattr(shared, "ENTRIES", 4)
    monkeypatch.setattr(narrowing, "EDGES", 8)
    found = best_pooled_cut(scores, target, even)
    assert found == expected
    assert torch.equal(scores >= found, scores >= highest)


def even_total(scores, target, cut):
    """Entries taken rightly less those taken wrongly, one at a time."""
    pairs = zip(scores.flatten().tolist(), target.flatten().tolist(), strict=True)
    return sum((1 if right else -1) for score, right in pairs if score >= cut)


def test_values_spread_evenly_by_hand():
    # ten places, the first and the last always among those chosen
    values = torch.arange(10.0)
    assert spread(values, 4).tolist() == [0, 3, 6, 9]
    assert spread(values, 2).tolist() == [0, 9]
    assert spread(values, 1).tolist() == [0]
    assert spread(values, 20).tolist() == values.tolist()
    assert spread(values[:0], 4).tolist() == []


def test_values_are_spread_on_their_own_device():
    values = torch.arange(10.0)
    with torch.device("meta"):  # stands for a device that is not that of the values
        assert spread(values, 4).tolist() == [0, 3, 6, 9]
