"""Criteria: what training minimises, one class and one file each, their weights, and their pure functions."""

from torchheads.losses.asymmetric import Asymmetric
from torchheads.losses.balanced_softmax import BalancedSoftmax
from torchheads.losses.base import Criterion
from torchheads.losses.binary_cross_entropy import BinaryCrossEntropy
from torchheads.losses.class_balanced import ClassBalanced
from torchheads.losses.cross_entropy import CrossEntropy
from torchheads.losses.focal import Focal
from torchheads.losses.inverse_frequency import InverseFrequency
from torchheads.losses.logit_adjusted import LogitAdjusted
from torchheads.losses.weighting import Weighting

__all__ = [
    "Asymmetric",
    "BalancedSoftmax",
    "BinaryCrossEntropy",
    "ClassBalanced",
    "Criterion",
    "CrossEntropy",
    "Focal",
    "InverseFrequency",
    "LogitAdjusted",
    "Weighting",
]
