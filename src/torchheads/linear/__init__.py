"""Classifier and loss in one, for many classes: the logits exist a chunk of classes at a time, never all at once."""

from torchheads.linear.binary_cross_entropy import linear_binary_cross_entropy
from torchheads.linear.cross_entropy import linear_cross_entropy
from torchheads.linear.focal import linear_asymmetric, linear_binary_focal
from torchheads.linear.ranking import Ranked, linear_top_k
from torchheads.linear.shard import Shard
from torchheads.linear.steps import RowwiseAdam, Sgd, WeightStep

__all__ = [
    "Ranked",
    "RowwiseAdam",
    "Sgd",
    "Shard",
    "WeightStep",
    "linear_asymmetric",
    "linear_binary_cross_entropy",
    "linear_binary_focal",
    "linear_cross_entropy",
    "linear_top_k",
]
