"""Calibrators: maps of logits that make probabilities mean what they say."""

from torchheads.calibration.base import Calibrator, before_the_fit
from torchheads.calibration.identity import Identity
from torchheads.calibration.isotonic import Isotonic
from torchheads.calibration.platt import Platt
from torchheads.calibration.temperature import Temperature
from torchheads.calibration.vector import Vector

__all__ = ["Calibrator", "Identity", "Isotonic", "Platt", "Temperature", "Vector", "before_the_fit"]
