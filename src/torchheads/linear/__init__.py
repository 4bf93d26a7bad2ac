"""Classifier and loss in one, for many classes: the logits exist a chunk of classes at a time, never all at once."""

from torchheads.linear.binary_cross_entropy import linear_binary_cross_entropy
from torchheads.linear.cross_entropy import linear_cross_entropy
from torchheads.linear.ranking import Ranked, linear_top_k

__all__ = ["Ranked", "linear_binary_cross_entropy", "linear_cross_entropy", "linear_top_k"]
