"""Searches for the options of a run that validation likes best, the learning rate above all."""

from torchheads.tuning.base import Search, Trial
from torchheads.tuning.grid import Grid
from torchheads.tuning.optuna_search import OptunaSearch

__all__ = ["Grid", "OptunaSearch", "Search", "Trial"]
