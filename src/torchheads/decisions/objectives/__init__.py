"""What a fitted threshold aims at, one class and one file each."""

from torchheads.decisions.objectives.base import Objective
from torchheads.decisions.objectives.exact_match import ExactMatch
from torchheads.decisions.objectives.expected_cost import ExpectedCost
from torchheads.decisions.objectives.f_beta import FBeta
from torchheads.decisions.objectives.precision_at_recall import PrecisionAtRecall
from torchheads.decisions.objectives.recall_at_precision import RecallAtPrecision

__all__ = ["ExactMatch", "ExpectedCost", "FBeta", "Objective", "PrecisionAtRecall", "RecallAtPrecision"]
