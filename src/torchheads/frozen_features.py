"""A frozen backbone gives the same features every epoch: they are computed once, and only the head is trained.

n examples, d features.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from lightning.pytorch import Trainer
from torch import Tensor, nn

from torchheads.data import ClassificationData, Shard
from torchheads.data.base import SPLITS
from torchheads.module import ClassificationModule


def can_cache(backbone: nn.Module, data: ClassificationData) -> bool:
    """Whether an example has the same features whenever it comes: a backbone frozen for good, inputs never changed.

    Example:
        >>> from torchheads.backbones import Cnn
        >>> from torchheads.data import Digits
        >>> backbone = Cnn((1, 8, 8))
        >>> can_cache(backbone, Digits())
        False
        >>> backbone.freeze(True)
        >>> can_cache(backbone, Digits())
        True
    """
    freezing = getattr(backbone, "freezing", None)
    if freezing is None or freezing.until is not None or not freezing.names:
        return False
    return (
        data.augment is None and data.mix is None and not any(weight.requires_grad for weight in backbone.parameters())
    )


@torch.no_grad()
def cache_features(trainer: Trainer, module: ClassificationModule, data: ClassificationData) -> None:
    """Run the backbone over every split once, as the trainer would, and let the data hand out what it gives.

    Checkpoints and the trained module are as if every epoch had run the backbone.

    Args:
        trainer: whose device and precision are used.
        module: whose ``backbone`` is frozen, see `can_cache`.
        data: all of it is read.
    """
    device, backbone = trainer.strategy.root_device, module.backbone.eval()
    backbone.to(device)
    features: dict[str, Float[Tensor, "n d"]] = {}
    for name in SPLITS:
        if data.num_samples[name] == 0:
            continue
        batches = data.evaluation_dataloader(name, Shard(rank=0, world=1))
        with trainer.precision_plugin.forward_context():
            rows = [backbone(batch.input.to(device)).float() for batch in batches]
        features[name] = torch.cat(rows)
    data.use_features(features)
