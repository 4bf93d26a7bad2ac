"""Counts and what follows from them agree with scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_recall_fscore_support

from torchheads.metrics.counts import class_counts, f1, label_counts, precision, recall


def check(counts: torch.Tensor, target: np.ndarray, predictions: np.ndarray, classes: int) -> None:
    """Compare with scikit-learn's per-class figures, NaN where it says NaN."""
    expected = precision_recall_fscore_support(
        target, predictions, labels=range(classes), average=None, zero_division=np.nan
    )
    found = precision(counts.double()), recall(counts.double()), f1(counts.double()), counts[:, 0]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("classes", [2, 7])
def test_class_counts(classes: int) -> None:
    random = torch.Generator().manual_seed(0)
    target = torch.randint(max(classes - 2, 1), (50,), generator=random)
    predictions = torch.randint(max(classes - 1, 2), (50,), generator=random)
    check(class_counts(target, predictions, classes), target.numpy(), predictions.numpy(), classes)


def test_rejected_rows_are_predicted_as_no_class() -> None:
    """-1 is neither the last class nor any other; scikit-learn's figures of the classes agree."""
    random = torch.Generator().manual_seed(0)
    target, predictions = (torch.randint(low, 4, (50,), generator=random) for low in (0, -1))
    counts = class_counts(target, predictions, 4)
    assert counts[:, 1].tolist() == [int((predictions == c).sum()) for c in range(4)]
    check(counts, target.numpy(), predictions.numpy(), 4)


def test_label_counts() -> None:
    random = torch.Generator().manual_seed(0)
    target, predictions = torch.rand(2, 50, 6, generator=random) < 0.3
    target[:, 4:], predictions[:, 5] = False, False
    check(label_counts(target, predictions), target.numpy(), predictions.numpy(), 6)


def test_undefined_and_false_alarms_by_hand() -> None:
    """In neither: NaN. Predicted, never true: precision 0, recall NaN, F1 0. True, never predicted: the reverse."""
    counts = torch.tensor([[0, 0, 0], [0, 3, 0], [3, 0, 0]]).double()
    assert math.isnan(f1(counts)[0])
    assert f1(counts)[1:].tolist() == [0.0, 0.0]
    assert precision(counts)[1] == 0.0
    assert math.isnan(precision(counts)[2])
    assert math.isnan(recall(counts)[1])
    assert recall(counts)[2] == 0.0


def test_without_predictions_only_the_support() -> None:
    assert class_counts(torch.tensor([1, 1, 0]), None, 3).tolist() == [[1, 0, 0], [2, 0, 0], [0, 0, 0]]
    assert label_counts(torch.tensor([[True, False]]), None).tolist() == [[1, 0, 0], [0, 0, 0]]


def test_many_classes_need_no_confusion_matrix() -> None:
    """A million classes: a confusion matrix would hold 10**12 counts."""
    counts = class_counts(torch.tensor([999_999]), torch.tensor([0]), 1_000_000)
    assert counts.shape == (1_000_000, 3)
    assert counts.sum() == 2
