"""How the raw inputs of a batch are read: from windows over a small split, from memory, or by worker processes."""

from torchheads.data.readers.base import Reader
from torchheads.data.readers.factory import open_reader
from torchheads.data.readers.row_reader import RowReader
from torchheads.data.readers.window_reader import WindowReader
from torchheads.data.readers.worker_reader import WorkerReader

__all__ = ["Reader", "RowReader", "WindowReader", "WorkerReader", "open_reader"]
