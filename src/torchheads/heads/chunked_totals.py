"""The losses that have chunks: for each, the sum over the known examples from what a head's criterion holds.

``parts`` are features (n, d), weight (c, d), bias (c,) or None, and target; ``known`` is (n,), or None for all.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torchheads.linear import (
    Shard,
    WeightStep,
    linear_asymmetric,
    linear_binary_cross_entropy,
    linear_binary_focal,
    linear_cross_entropy,
)
from torchheads.losses import (
    Asymmetric,
    BalancedSoftmax,
    BinaryCrossEntropy,
    Criterion,
    CrossEntropy,
    Focal,
    LogitAdjusted,
)
from torchheads.targets import LabelLists

Parts = tuple[Tensor, Tensor, Tensor | None, Tensor | LabelLists]


def cross_entropy_total(
    criterion: CrossEntropy, parts: Parts, known: Tensor | None, shard: Shard | None, step: WeightStep | None
) -> Tensor:
    """That of `CrossEntropy`."""
    weight = held(criterion.class_weight, shard)
    return linear_cross_entropy(*parts, weight, criterion.label_smoothing, known, shard=shard, step=step)


def frequency_total(
    criterion: LogitAdjusted | BalancedSoftmax,
    parts: Parts,
    known: Tensor | None,
    shard: Shard | None,
    step: WeightStep | None,
) -> Tensor:
    """That of `LogitAdjusted` and `BalancedSoftmax`, which give each logit a start: one more summand of the bias."""
    features, weight, bias, target = parts
    counts = criterion.frequencies.values(torch.float64 if weight.dtype == torch.float64 else torch.float32)
    start = getattr(criterion, "tau", 1.0) * (counts / counts.sum()).log()
    own = start if shard is None else start[shard.start : shard.stop]
    started = own if bias is None else bias + own
    smoothing = criterion.label_smoothing
    return linear_cross_entropy(features, weight, started, target, None, smoothing, known, shard=shard, step=step)


def binary_cross_entropy_total(
    criterion: BinaryCrossEntropy, parts: Parts, known: Tensor | None, shard: Shard | None, step: WeightStep | None
) -> Tensor:
    """That of `BinaryCrossEntropy`."""
    weights = (held(criterion.class_weight, shard), held(criterion.pos_weight, shard))
    smoothing, reduction = criterion.label_smoothing, criterion.class_reduction
    return linear_binary_cross_entropy(*parts, *weights, smoothing, known, reduction, shard=shard, step=step)


def binary_focal_total(
    criterion: Focal, parts: Parts, known: Tensor | None, shard: Shard | None, step: WeightStep | None
) -> Tensor:
    """That of `Focal` in a sigmoid head."""
    alpha, class_weight = held(criterion.alpha, shard), held(criterion.class_weight, shard)
    weights = (alpha, class_weight, held(criterion.pos_weight, shard))
    return linear_binary_focal(
        *parts, criterion.gamma, *weights, criterion.label_smoothing, known, shard=shard, step=step
    )


def asymmetric_total(
    criterion: Asymmetric, parts: Parts, known: Tensor | None, shard: Shard | None, step: WeightStep | None
) -> Tensor:
    """That of `Asymmetric`."""
    options = (criterion.gamma_neg, criterion.gamma_pos, criterion.clip)
    return linear_asymmetric(*parts, *options, held(criterion.class_weight, shard), known, shard=shard, step=step)


def held(weight: Tensor | None, shard: Shard | None) -> Tensor | None:
    """The weights (c,) of the classes at hand; None stays None."""
    return weight if weight is None or shard is None else weight[shard.start : shard.stop]


Total = Callable[[Any, Parts, Tensor | None, Shard | None, WeightStep | None], Tensor]
TOTALS: dict[tuple[type[Criterion], str], Total] = {
    (CrossEntropy, "softmax"): cross_entropy_total,
    (LogitAdjusted, "softmax"): frequency_total,
    (BalancedSoftmax, "softmax"): frequency_total,
    (BinaryCrossEntropy, "sigmoid"): binary_cross_entropy_total,
    (Focal, "sigmoid"): binary_focal_total,
    (Asymmetric, "sigmoid"): asymmetric_total,
}
"""The criteria that have chunks, by the link of the head."""
