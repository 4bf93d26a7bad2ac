"""Metrics of prediction sets against loops over rows, with unknown entries and without."""

import math

import numpy as np
import pytest
import torch
from mapie.metrics.classification import classification_coverage_score, classification_mean_width_score
from sklearn.metrics import precision_score, recall_score

from torchheads.metrics.prediction_sets import (
    class_coverage,
    class_precision,
    coverage,
    empty_share,
    false_negative_rate,
    mean_size,
    set_precision,
)


def made(n=60, c=5, seed=0):
    random = torch.Generator().manual_seed(seed)
    sets, target, known = (torch.rand(n, c, generator=random) < share for share in (0.4, 0.3, 0.8))
    sets[0], target[1] = False, False
    return sets, target, known


@pytest.mark.parametrize("partly", [False, True])
def test_each_is_its_loop(partly):
    sets, target, known = made()
    known = known if partly else torch.ones_like(known)
    holds, misses, precise = [], [], []
    by_class = {c: ([], []) for c in range(5)}
    for row in range(60):
        sure = {c for c in range(5) if known[row, c]}
        right = {c for c in sure if target[row, c]}
        said = {c for c in sure if sets[row, c]}
        holds.append(right <= said)
        misses.append(len(right - said) / len(right) if right else 0.0)
        precise.append(len(said & right) / len(said) if said else 1.0)
        for c in right:
            by_class[c][0].append(c in said)
        for c in said:
            by_class[c][1].append(c in right)
    given = (sets, target, known if partly else None)
    assert coverage(*given).item() == pytest.approx(np.mean(holds))
    assert false_negative_rate(*given).item() == pytest.approx(np.mean(misses))
    assert set_precision(*given).item() == pytest.approx(np.mean(precise))
    assert class_coverage(*given).tolist() == pytest.approx([np.mean(by_class[c][0]) for c in range(5)])
    assert class_precision(*given).tolist() == pytest.approx([np.mean(by_class[c][1]) for c in range(5)])
    assert mean_size(sets).item() == pytest.approx(sets.numpy().sum(axis=1).mean())
    assert empty_share(sets).item() == pytest.approx(1 - sets.numpy().any(axis=1).mean())


def test_coverage_and_size_equal_mapie():
    sets, _, _ = made()
    classes = torch.randint(5, (60,), generator=torch.Generator().manual_seed(1))
    hot = torch.nn.functional.one_hot(classes, 5).bool()
    expected = classification_coverage_score(classes.numpy(), sets.numpy()[:, :, np.newaxis])
    assert coverage(sets, hot).item() == pytest.approx(expected.item())
    assert mean_size(sets).item() == pytest.approx(classification_mean_width_score(sets.numpy()[:, :, None]).item())


def test_rates_equal_scikit_learn():
    sets, target, _ = made()
    recall = recall_score(target, sets, average="samples", zero_division=1)
    assert false_negative_rate(sets, target).item() == pytest.approx(1 - recall)
    precision = precision_score(target, sets, average="samples", zero_division=1)
    assert set_precision(sets, target).item() == pytest.approx(precision)
    assert class_coverage(sets, target).tolist() == pytest.approx(recall_score(target, sets, average=None).tolist())
    assert class_precision(sets, target).tolist() == pytest.approx(precision_score(target, sets, average=None).tolist())


def test_what_is_not_there_is_undefined():
    nothing = torch.zeros(0, 3, dtype=torch.bool)
    assert coverage(nothing, nothing).isnan()
    assert mean_size(nothing).isnan()
    some = torch.tensor([[True, False, False]])
    assert [math.isnan(value) for value in class_coverage(some, some).tolist()] == [False, True, True]
    assert [math.isnan(value) for value in class_precision(some, some).tolist()] == [False, True, True]
