"""Optimizers and learning-rate schedules by name; each optimizer takes the module and builds its own groups."""

from torchheads.optim.finite_watch import FiniteWatch
from torchheads.optim.global_mean import GlobalMean
from torchheads.optim.groups import parameter_groups
from torchheads.optim.lbfgs import lbfgs
from torchheads.optim.optimizers import adamw, sgd
from torchheads.optim.schedules import constant, one_cycle, warmup_cosine

__all__ = [
    "FiniteWatch",
    "GlobalMean",
    "adamw",
    "constant",
    "lbfgs",
    "one_cycle",
    "parameter_groups",
    "sgd",
    "warmup_cosine",
]
