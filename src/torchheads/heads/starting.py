"""Where the training of a head starts: at zero weights and the bias of its prior.

c classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from torchheads.heads import checks

if TYPE_CHECKING:
    from torchheads.heads.base import ClassificationHead


def reset(head: ClassificationHead) -> None:
    """Zero the weights of the head's own classifier and set its bias; a user's classifier keeps what no prior names."""
    classifier: Any = head.classifier
    if head._own_classifier:
        nn.init.zeros_(classifier.weight)
    elif head.prior is None:
        return
    if isinstance(head.prior, str) and head.prior == "zero":
        nn.init.zeros_(checks.find_bias(head))
    elif head.prior is None or isinstance(head.prior, str):
        head.set_prior(1 / max(head.num_classes, 2))  # nothing is known
    else:
        head.set_prior(head.prior)
    head._awaits_prior = isinstance(head.prior, str) and head.prior == "data"


@torch.no_grad()
def set_prior(head: ClassificationHead, prior: Any) -> None:
    """Set the bias to the constant logits that minimise the head's own criterion under the prior; see the head."""
    bias = checks.find_bias(head)
    bias.copy_(head.criterion.constant_logits(checks.check_prior(prior, head.num_classes)))
    head._awaits_prior = False
