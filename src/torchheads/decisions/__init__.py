"""Decision rules: from scores to predictions."""

from torchheads.decisions.argmax import Argmax
from torchheads.decisions.base import DecisionRule
from torchheads.decisions.fitted_threshold import FittedThreshold
from torchheads.decisions.objectives import (
    ExactMatch,
    ExpectedCost,
    FBeta,
    Objective,
    PrecisionAtRecall,
    RecallAtPrecision,
)
from torchheads.decisions.selective import Selective
from torchheads.decisions.threshold import Threshold
from torchheads.decisions.top_k import TopK

__all__ = [
    "Argmax",
    "DecisionRule",
    "ExactMatch",
    "ExpectedCost",
    "FBeta",
    "FittedThreshold",
    "Objective",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "Selective",
    "Threshold",
    "TopK",
]
