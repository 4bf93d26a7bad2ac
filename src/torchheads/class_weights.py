"""The class frequencies of the train split, told to the losses that need them or are weighted by them.

c classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchheads.data import ClassificationData
from torchheads.data.class_counts import class_counts
from torchheads.heads import ClassificationHead, MultiHead, named_heads
from torchheads.instantiate import instantiate
from torchheads.losses import Weighting


def tell_frequencies(
    head: ClassificationHead | MultiHead, data: ClassificationData, weights: Mapping[str, Any] | None
) -> None:
    """Tell each head's criterion how often its classes occur in the train split, and give it the weights asked for.

    A head to which that is news starts afresh, since its best constant logits are others now. Every process reads the
    whole split, and a run that is resumed the same split again, so all of them find the same numbers.

    Args:
        head: as it was built, before any state is loaded; of several each is told of its own task.
        data: whose train split is counted; what is unknown there is not.
        weights: configuration of a `Weighting`; None for no weights.

    Raises:
        HeadConfigError: code H36, when a loss does not take the weights.
    """
    weighting: Weighting | None = instantiate(weights)
    heads = named_heads(head)
    concerned = [name for name, one in heads.items() if weighting is not None or one.criterion.awaits_counts]
    counted = class_counts(data) if concerned else {}
    for name in concerned:
        one, counts = heads[name], counted[name]
        if one.criterion.awaits_counts:
            one.criterion.take_counts(counts.positive, counts.known)
        if weighting is not None:
            weighting.weigh(one.criterion, counts.positive, counts.known)
        one.reset_parameters()
