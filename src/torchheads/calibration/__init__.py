"""Calibrators: maps of logits that make probabilities mean what they say."""

from torchheads.calibration.base import Calibrator
from torchheads.calibration.identity import Identity

__all__ = ["Calibrator", "Identity"]
