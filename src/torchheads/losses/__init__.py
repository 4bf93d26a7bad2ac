"""Criteria: what training minimises, one class and one file each, and their pure functions."""

from torchheads.losses.base import Criterion
from torchheads.losses.binary_cross_entropy import BinaryCrossEntropy
from torchheads.losses.cross_entropy import CrossEntropy

__all__ = ["BinaryCrossEntropy", "Criterion", "CrossEntropy"]
