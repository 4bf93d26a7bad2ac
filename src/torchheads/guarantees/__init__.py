"""Guarantees: prediction sets whose errors stay below a level that was asked for."""

from torchheads.guarantees.base import Guarantee
from torchheads.guarantees.coverage import Coverage
from torchheads.guarantees.false_negative_rate import FalseNegativeRate
from torchheads.guarantees.precision_control import PrecisionControl

__all__ = ["Coverage", "FalseNegativeRate", "Guarantee", "PrecisionControl"]
