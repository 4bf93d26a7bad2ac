"""Decision rules: from scores to predictions."""

from torchheads.decisions.argmax import Argmax
from torchheads.decisions.base import DecisionRule
from torchheads.decisions.fitted_threshold import FittedThreshold
from torchheads.decisions.threshold import Threshold
from torchheads.decisions.top_k import TopK

__all__ = ["Argmax", "DecisionRule", "FittedThreshold", "Threshold", "TopK"]
