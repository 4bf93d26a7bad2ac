"""Studies: many runs, and what they say of the difference between two heads."""

from torchheads.study.base import Difference, Interval
from torchheads.study.comparison import Comparison, compare
from torchheads.study.verdict import verdict

__all__ = ["Comparison", "Difference", "Interval", "compare", "verdict"]
