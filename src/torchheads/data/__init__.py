"""Data sets, and loaders that train on every row exactly once, whatever is interrupted."""

from torchheads.data.augmentation import Augmentation
from torchheads.data.base import ClassificationData
from torchheads.data.batch import Batch, Split, rows_of
from torchheads.data.canvas_tasks import CanvasTasks
from torchheads.data.digit_canvases import DigitCanvases
from torchheads.data.digits import Digits
from torchheads.data.functional.sharing import Shard
from torchheads.data.functional.statistics import Moments, channel_moments
from torchheads.data.loader import KeyedLoader
from torchheads.data.sampler import EvaluationSampler, KeyedSampler, RowSampler

__all__ = [
    "Augmentation",
    "Batch",
    "CanvasTasks",
    "ClassificationData",
    "DigitCanvases",
    "Digits",
    "EvaluationSampler",
    "KeyedLoader",
    "KeyedSampler",
    "Moments",
    "RowSampler",
    "Shard",
    "Split",
    "channel_moments",
    "rows_of",
]
