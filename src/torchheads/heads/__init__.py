"""Heads: the last layer of a classifier and all that follows from it."""

from torchheads.heads.base import ClassificationHead
from torchheads.heads.chunked import step_in_backward
from torchheads.heads.class_parallel import shard_classes
from torchheads.heads.multi_head import MultiHead, named_heads
from torchheads.heads.predict_lists import best_classes, predict_lists
from torchheads.heads.sigmoid import SigmoidHead
from torchheads.heads.softmax import SoftmaxHead

__all__ = [
    "ClassificationHead",
    "MultiHead",
    "SigmoidHead",
    "SoftmaxHead",
    "best_classes",
    "named_heads",
    "predict_lists",
    "shard_classes",
    "step_in_backward",
]
