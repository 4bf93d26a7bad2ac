"""What a run leaves behind: results, tables and predictions."""

from torchheads.artifact.checkpoint import not_ours, read_checkpoint, saved_configuration
from torchheads.artifact.collector import Collector, Rows
from torchheads.artifact.files import write_json, write_predictions, write_table, write_text

__all__ = [
    "Collector",
    "Rows",
    "not_ours",
    "read_checkpoint",
    "saved_configuration",
    "write_json",
    "write_predictions",
    "write_table",
    "write_text",
]
