"""Guarantees: prediction sets whose errors stay below a level that was asked for."""

from torchheads.guarantees.base import Guarantee

__all__ = ["Guarantee"]
