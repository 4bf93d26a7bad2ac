"""Where the numbers of a run are written."""

from torchheads.loggers.jsonl import JsonlLogger, read_rows

__all__ = ["JsonlLogger", "read_rows"]
