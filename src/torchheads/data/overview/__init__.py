"""What a data set holds, in figures and sentences, and which head fits it."""

from torchheads.data.overview.advice import Advice, percent
from torchheads.data.overview.record import advised_heads, inspect_record

__all__ = ["Advice", "advised_heads", "inspect_record", "percent"]
