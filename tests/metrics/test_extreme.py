"""Extreme classification's metrics against literal loops, scikit-learn and values worked by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from torchheads.errors import HeadConfigError
from torchheads.metrics import extreme
from torchheads.targets import LabelLists

C = 9
LISTS = st.lists(st.sets(st.integers(0, C - 1)), min_size=1, max_size=6)


def ranking(rows, seed, k=C):
    """Classes of each row in a random order, (n, k)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, C, generator=generator).argsort(dim=1)[:, :k]


def pair(lists, seed):
    indices, target = ranking(len(lists), seed), LabelLists.from_lists(lists, C)
    return indices, target, extreme.hits(indices, target)


@given(LISTS, st.integers(0, 99))
def test_hits_are_memberships(lists, seed):
    indices, _, right = pair(lists, seed)
    assert right.tolist() == [[c in labels for c in row] for row, labels in zip(indices.tolist(), lists, strict=True)]


def test_hits_of_no_class_and_of_no_rows():
    target = LabelLists.from_lists([[0], [C - 1]], C)
    assert extreme.hits(torch.tensor([[-1, 0], [-1, C - 1]]), target).tolist() == [[False, True]] * 2
    assert extreme.hits(torch.zeros(0, 3, dtype=torch.int64), LabelLists.from_lists([], C)).shape == (0, 3)


@given(LISTS, st.integers(0, 99), st.integers(1, C))
def test_precision_and_recall_by_counting(lists, seed, k):
    indices, target, right = pair(lists, seed)
    for row, labels, precision, recall in zip(
        indices.tolist(), lists, extreme.precision_at(right, k), extreme.recall_at(right, target.sizes, k), strict=True
    ):
        found = len(set(row[:k]) & labels)
        assert precision.item() == pytest.approx(found / k)
        assert math.isnan(recall) if not labels else recall.item() == pytest.approx(found / len(labels))


@given(LISTS, st.integers(0, 99), st.integers(1, C))
def test_ndcg_is_scikit_learns(lists, seed, k):
    indices, target, right = pair(lists, seed)
    ours = extreme.ndcg_at(right, target.sizes, k)
    scores = torch.zeros(len(lists), C).scatter(1, indices, torch.arange(C, 0, -1.0).expand(len(lists), C))
    for row, labels in enumerate(lists):
        hot = target.multi_hot(torch.float64)[row : row + 1]
        if labels:
            assert ours[row].item() == pytest.approx(ndcg_score(hot, scores[row : row + 1], k=k))
        else:
            assert math.isnan(ours[row])


def test_ndcg_by_hand():
    # right at ranks 1 and 3 of three labels: (1 + 1/2) / (1 + 1/log2 3 + 1/2)
    right = torch.tensor([[True, False, True]])
    assert extreme.ndcg_at(right, torch.tensor([3]), 3).item() == pytest.approx(1.5 / (1.5 + 1 / math.log2(3)))


def test_propensities_by_hand():
    # N = 20,000, a class with 98.5 examples less 1.5: (ln 20000 - 1) * 2.5^0.55 / 100^0.55 + 1
    found = extreme.inverse_propensity(torch.tensor([0, 97, 19_998]), 20_000, b=3.0)
    weight = (math.log(20_000) - 1) * 4**0.55
    expected = [1 + weight / 3**0.55, 1 + weight / 100**0.55, 1 + weight / 20_001**0.55]
    assert found.tolist() == pytest.approx(expected)
    assert found.dtype == torch.float64
    # Jain et al. write p = 1 / (1 + C exp(-A ln(N_l + B))) with C = (ln N - 1)(B + 1)^A
    for count, inverse in zip((0, 5, 1000), extreme.inverse_propensity(torch.tensor([0, 5, 1000]), 5000), strict=True):
        c = (math.log(5000) - 1) * 2.5**0.55
        assert 1 / inverse.item() == pytest.approx(1 / (1 + c * math.exp(-0.55 * math.log(count + 1.5))))


@pytest.mark.parametrize("options", [{"examples": 2}, {"b": 0.0}, {"a": -0.1}, {"a": math.nan}])
def test_propensities_that_cannot_be(options):
    with pytest.raises(HeadConfigError, match=r"TH-H39: propensities with .*; allowed examples >= 3, a >= 0, b > 0"):
        extreme.inverse_propensity(torch.tensor([1]), **{"examples": 10, **options})


@given(LISTS, st.integers(0, 99), st.integers(1, C))
def test_weighted_hits_and_the_best_there_are(lists, seed, k):
    indices, target, right = pair(lists, seed)
    weight = torch.randint(1, 4, (C,), generator=torch.Generator().manual_seed(seed)).double()  # with ties
    reached = extreme.weighted_hits(right, indices, weight)
    best = extreme.best_weighted_hits(target, weight, k)
    for row, labels in enumerate(lists):
        order = indices[row].tolist()
        assert reached[row].tolist() == [weight[c].item() if c in labels else 0.0 for c in order]
        ideal = sorted((weight[c].item() for c in labels), reverse=True)[:k]
        assert best[row].tolist() == ideal + [0.0] * (k - len(ideal))
