"""Support, predictions and hits of each class: all that accuracy, recall, precision and F1 need.

n examples, c classes; the three columns are support (how often a class is in the target), predicted (how often it was
predicted) and hits (both at once).
"""

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor


def class_counts(
    target: Int64[Tensor, "n"], predictions: Int64[Tensor, "n"] | None, num_classes: int
) -> Int64[Tensor, "c 3"]:
    """Counts of single-label rows, shape (c, 3); only the support without predictions.

    Three passes instead of the C x C confusion matrix, which many classes would not fit into.

    Args:
        target: class indices of shape (n,).
        predictions: class indices of shape (n,); -1 for "none of these", which no class counts as predicted.
        num_classes: number of classes C.

    Example:
        >>> class_counts(torch.tensor([0, 1, 1]), torch.tensor([0, 0, -1]), 2).tolist()
        [[1, 2, 1], [2, 0, 0]]
    """
    counts = torch.zeros(3, num_classes, dtype=torch.int64, device=target.device)
    one = torch.ones_like(target)
    counts[0].index_add_(0, target, one)
    if predictions is not None:
        counts[1].index_add_(0, predictions.clamp(min=0), (predictions >= 0).long())
        counts[2].index_add_(0, target, (target == predictions).long())
    return counts.T


def label_counts(target: Bool[Tensor, "n c"], predictions: Bool[Tensor, "n c"] | None) -> Int64[Tensor, "c 3"]:
    """Counts of multi-label rows, shape (c, 3); only the support without predictions.

    Args:
        target: multi-hot of shape (n, c).
        predictions: predicted sets of shape (n, c).

    Example:
        >>> label_counts(torch.tensor([[True, False]]), torch.tensor([[True, True]])).tolist()
        [[1, 1, 1], [0, 1, 0]]
    """
    support = target.sum(dim=0)
    if predictions is None:
        return torch.stack([support, torch.zeros_like(support), torch.zeros_like(support)], dim=1)
    return torch.stack([support, predictions.sum(dim=0), (target & predictions).sum(dim=0)], dim=1)


def precision(counts: Float64[Tensor, "*c 3"]) -> Float64[Tensor, "*c"]:
    """Hits among the predicted, shape (*c); NaN for a class never predicted.

    Example:
        >>> precision(torch.tensor([[1.0, 2.0, 1.0]], dtype=torch.float64))
        tensor([0.5000], dtype=torch.float64)
    """
    return counts[..., 2] / counts[..., 1]


def recall(counts: Float64[Tensor, "*c 3"]) -> Float64[Tensor, "*c"]:
    """Hits among the support, shape (*c); NaN for a class that is not in the target.

    Example:
        >>> recall(torch.tensor([[1.0, 2.0, 1.0]], dtype=torch.float64))
        tensor([1.], dtype=torch.float64)
    """
    return counts[..., 2] / counts[..., 0]


def f1(counts: Float64[Tensor, "*c 3"]) -> Float64[Tensor, "*c"]:
    """Harmonic mean of precision and recall, shape (*c); NaN for a class in neither target nor predictions.

        F1 = 2 hits / (support + predicted)

    A class that is predicted but never in the target has F1 = 0, as in scikit-learn with ``zero_division=nan``: those
    predictions are errors.

    Example:
        >>> f1(torch.tensor([[1.0, 2.0, 1.0], [0.0, 0.0, 0.0]], dtype=torch.float64))
        tensor([0.6667,    nan], dtype=torch.float64)
    """
    return 2 * counts[..., 2] / (counts[..., 0] + counts[..., 1])
