"""Sums over batches give the metrics of all examples, as a slow loop over examples finds them."""

import math

import pytest
import torch

from torchheads import SigmoidHead, best_classes
from torchheads.errors import HeadConfigError, TargetError
from torchheads.metrics import ExtremeMetrics
from torchheads.metrics.extreme import inverse_propensity
from torchheads.targets import LabelLists

C, KS = 12, (1, 3, 5)


def drawn(rows=40, seed=0):
    """Classes best first (n, 5), labels of which some are none, and inverse propensities."""
    generator = torch.Generator().manual_seed(seed)
    hot = torch.rand(rows, C, generator=generator) < 0.25
    hot[::7] = False
    scores = torch.rand(rows, C, generator=generator) + 0.5 * hot
    counts = torch.randint(0, 200, (C,), generator=generator)
    return (
        scores.argsort(dim=1, descending=True)[:, :5],
        LabelLists.from_multi_hot(hot),
        inverse_propensity(counts, 999),
    )


def by_loops(indices, lists, weight, k):
    """The metrics at k by name, an example at a time."""

    def gain(labels, order, weigh):
        return [weigh(c) if c in labels else 0.0 for c in order[:k]]

    def discounted(gains):
        return sum(value / math.log2(rank + 2) for rank, value in enumerate(gains))

    rows = list(zip(indices.tolist(), map(set, lists), strict=True))
    labelled = [(order, labels) for order, labels in rows if labels]
    ideal = [discounted([1.0] * min(k, len(labels))) for _, labels in labelled]
    price = lambda c: weight[c].item()  # noqa: E731
    best = [sorted(labels, key=price, reverse=True) for _, labels in labelled]
    reached = [gain(labels, order, price) for order, labels in labelled]
    most = [gain(labels, order, price) for order, (_, labels) in zip(best, labelled, strict=True)]
    return {
        "precision": sum(sum(gain(labels, order, lambda c: 1.0)) / k for order, labels in rows) / len(rows),
        "recall": sum(len(labels & set(order[:k])) / len(labels) for order, labels in labelled) / len(labelled),
        "ndcg": sum(
            discounted(gain(labels, order, lambda c: 1.0)) / least
            for (order, labels), least in zip(labelled, ideal, strict=True)
        )
        / len(labelled),
        "propensity_precision": sum(map(sum, reached)) / sum(map(sum, most)),
        "propensity_ndcg": sum(discounted(g) / i for g, i in zip(reached, ideal, strict=True))
        / sum(discounted(g) / i for g, i in zip(most, ideal, strict=True)),
    }


@pytest.mark.parametrize("batch", [1, 7, 40])
def test_as_a_loop_over_examples_finds_them(batch):
    indices, target, weight = drawn()
    metrics = ExtremeMetrics(C, KS, weight)
    for start in range(0, len(target), batch):
        metrics.update(indices[start : start + batch], target[start : start + batch])
    found = metrics.compute()
    assert found.pop("labelled") == 34
    expected = {
        f"{name}_at_{k}": value for k in KS for name, value in by_loops(indices, target.tolist(), weight, k).items()
    }
    assert found == pytest.approx(expected, rel=1e-12)


def test_by_hand():
    # two examples: right at rank 1 of labels {0, 1}; right at rank 2 of {2}. 1/p = 1, 3, 2
    metrics = ExtremeMetrics(3, (1, 2), torch.tensor([1.0, 3.0, 2.0]))
    metrics.update(torch.tensor([[0, 2], [1, 2]]), LabelLists.from_lists([[0, 1], [2]], 3))
    found, third = metrics.compute(), 1 / math.log2(3)
    assert found["precision_at_1"] == 1 / 2
    assert found["precision_at_2"] == 1 / 2
    assert found["recall_at_1"] == pytest.approx(1 / 4)
    assert found["ndcg_at_2"] == pytest.approx((1 / (1 + third) + third) / 2)
    assert found["propensity_precision_at_1"] == pytest.approx(1 / (3 + 2))
    assert found["propensity_precision_at_2"] == pytest.approx((1 + 2) / (3 + 1 + 2))
    ideal = (3 + third) / (1 + third) + 2
    assert found["propensity_ndcg_at_2"] == pytest.approx((1 / (1 + third) + 2 * third) / ideal)


def test_the_best_ranking_gets_one():
    _, target, weight = drawn()
    order = torch.full((len(target), C), -1)
    for row, labels in enumerate(target.tolist()):
        order[row, : len(labels)] = torch.tensor(sorted(labels, key=lambda c: -weight[c]), dtype=torch.int64)
    metrics = ExtremeMetrics(C, KS, weight)
    metrics.update(order, target)
    found = metrics.compute()
    for name in ("ndcg", "propensity_precision", "propensity_ndcg"):
        assert [found[f"{name}_at_{k}"] for k in KS] == pytest.approx([1.0] * 3)


def test_without_propensities_and_without_examples():
    found = ExtremeMetrics(C, KS).compute()
    assert found.pop("labelled") == 0
    assert len(found) == 9
    assert all(math.isnan(value) for value in found.values())


def test_reset_forgets():
    indices, target, weight = drawn()
    metrics = ExtremeMetrics(C, KS, weight)
    metrics.update(indices, target)
    before = metrics.compute()
    metrics.reset()
    metrics.update(indices, target)
    assert metrics.compute() == before


def test_low_precision_leaves_sums_and_propensities_alone():
    indices, target, weight = drawn()
    metrics, cast = ExtremeMetrics(C, KS, weight), ExtremeMetrics(C, KS, weight).to(torch.float16)
    for each in (metrics, cast):
        each.update(indices, target)
    assert cast.compute() == metrics.compute()


def test_fed_by_a_head():
    head = SigmoidHead(4, C)
    head.set_prior(torch.linspace(0.1, 0.5, C))
    metrics = ExtremeMetrics(C, (1,))
    metrics.update(best_classes(head, torch.zeros(2, 4), k=1).indices, LabelLists.from_lists([[C - 1], [0]], C))
    assert metrics.compute()["precision_at_1"] == 0.5


@pytest.mark.parametrize(
    ("indices", "lists", "classes"),
    [
        (torch.zeros(2, 4).long(), [[1]] * 2, C),
        (torch.zeros(2, 5).long(), [[1]] * 3, C),
        (torch.zeros(2, 5).long(), [[1]] * 2, C - 1),
    ],
)
def test_batches_that_do_not_fit(indices, lists, classes):
    with pytest.raises(TargetError, match=r"TH-M06: indices of shape .*; allowed \(N, >= 5\) for lists of N examples"):
        ExtremeMetrics(C, KS).update(indices, LabelLists.from_lists(lists, classes))


def test_options_that_cannot_be():
    for ks in ((), (0,), (1, C + 1), (1.0,)):
        with pytest.raises(HeadConfigError, match=r"TH-H39: ks=.*; allowed whole numbers in 1\.\.12"):
            ExtremeMetrics(C, ks)
    with pytest.raises(HeadConfigError, match=r"TH-H39: inverse_propensity of shape \(3,\); allowed \(12,\)"):
        ExtremeMetrics(C, KS, torch.ones(3))
