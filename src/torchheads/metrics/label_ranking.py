"""How well each example's labels rank above the rest of its classes, one number per example.

Written out here because torchmetrics 1.9 breaks ties by position, leaves rows out depending on their batch, and adds up
in float32. n examples, c classes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor
from torch.nn import functional as F


class LabelRanking(NamedTuple):
    """Three views of one ranking, each of shape (n,), float64; only classes that are known count.

    ``loss``: share of (label, non-label) pairs where the label does not score higher; 0 for a row with no or all
    labels. ``average_precision``: mean over the labels of (labels scoring at least as high) / (classes scoring at least
    as high); 1 for a row with no or all labels. ``coverage``: how many of the best classes it takes to hold all labels;
    0 for a row without labels.
    """

    loss: Float64[Tensor, "n"]
    average_precision: Float64[Tensor, "n"]
    coverage: Float64[Tensor, "n"]


def label_ranking(
    keys: Float64[Tensor, "n c"], target: Bool[Tensor, "n c"], known: Bool[Tensor, "n c"] | None = None
) -> LabelRanking:
    """Ranking loss, label ranking average precision and coverage of each example; ties count against the label.

        loss_n     = #{(i, j): i in Y_n, j not in Y_n, s_i <= s_j} / (k (C - k))                   k = size of Y_n
        lrap_n     = 1/k sum_{i in Y_n} #{j in Y_n: s_j >= s_i} / #{j: s_j >= s_i}
        coverage_n = max_{i in Y_n} #{j: s_j >= s_i}

    Args:
        keys: rank keys of shape (n, c), float64.
        target: multi-hot of shape (n, c), False where unknown.
        known: shape (n, c), False where an entry is to be treated as if its class did not exist; None for everything.

    Example:
        >>> keys = torch.tensor([[0.9, 0.5, 0.1]], dtype=torch.float64)
        >>> [float(value) for value in label_ranking(keys, torch.tensor([[False, True, False]]))]
        [0.5, 0.5, 2.0]

    Source: Tsoumakas, Katakis, Vlahavas, "Mining Multi-label Data", section 3; conventions of scikit-learn.
    """
    num_classes, size = keys.shape[1], target.sum(dim=1)
    classes = torch.full_like(size, num_classes) if known is None else known.sum(dim=1)
    if known is not None:
        keys = keys.masked_fill(~known, -1.0)  # below every key, so that none of them scores as high as a label
    ordered, order = keys.sort(dim=1)  # everything below is in this order, lowest key first
    labels = target.gather(1, order)
    at_least = num_classes - _lower(ordered)  # classes scoring at least as high, equals included
    labels_below = F.pad(labels.cumsum(dim=1), (1, 0))  # (n, c + 1): labels among the j lowest
    labels_at_least = size.unsqueeze(1) - labels_below.gather(1, num_classes - at_least)

    wrong_pairs = (at_least - labels_at_least).masked_fill(~labels, 0).sum(dim=1)
    shares = (labels_at_least.double() / at_least.double()).masked_fill(~labels, 0.0).sum(dim=1)
    trivial = (size == 0) | (size == classes)
    return LabelRanking(
        loss=(wrong_pairs.double() / (size * (classes - size)).double()).masked_fill(trivial, 0.0),
        average_precision=(shares / size.double()).masked_fill(trivial, 1.0),
        coverage=at_least.masked_fill(~labels, 0).amax(dim=1).double(),
    )


def _lower(ordered: Float64[Tensor, "n c"]) -> Int64[Tensor, "n c"]:
    """How many keys of its row are lower than each key, for rows in rising order: where its group of equals starts."""
    position = torch.arange(ordered.shape[1], device=ordered.device).expand(ordered.shape)
    starts = F.pad(ordered.diff(dim=1) > 0, (1, 0), value=True)
    return position.where(starts, 0).cummax(dim=1).values
