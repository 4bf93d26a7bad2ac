"""Data sets, and loaders that train on every row exactly once, whatever is interrupted."""

from torchheads.data.augmentation import Augmentation
from torchheads.data.base import ClassificationData
from torchheads.data.batch import Batch, FeatureBatch, Split, rows_of
from torchheads.data.functional.sharing import Shard
from torchheads.data.functional.statistics import Moments, channel_moments
from torchheads.data.loader import KeyedLoader
from torchheads.data.mixing import CutMix, Mixing, Mixup
from torchheads.data.sampler import EvaluationSampler, KeyedSampler, RowSampler
from torchheads.data.sampling import ClassAware, EpochOrder, RepeatFactor, RowOrder, Shuffled
from torchheads.data.sets.canvas_tasks import CanvasTasks
from torchheads.data.sets.celeba import CelebA
from torchheads.data.sets.coco import Coco
from torchheads.data.sets.digit_canvases import DigitCanvases
from torchheads.data.sets.digits import Digits
from torchheads.data.sets.embeddings import Embeddings
from torchheads.data.sets.image_folder import ImageFolder
from torchheads.data.sets.manifest import Manifest
from torchheads.data.sets.mulan import Mulan
from torchheads.data.sets.torchvision_set import TorchvisionSet
from torchheads.data.sets.voc import Voc
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData

__all__ = [
    "Augmentation",
    "Batch",
    "CanvasTasks",
    "CelebA",
    "ClassAware",
    "ClassificationData",
    "Coco",
    "CutMix",
    "DigitCanvases",
    "Digits",
    "Embeddings",
    "EpochOrder",
    "EvaluationSampler",
    "Examples",
    "FeatureBatch",
    "ImageFolder",
    "KeyedLoader",
    "KeyedSampler",
    "Manifest",
    "Mixing",
    "Mixup",
    "Moments",
    "Mulan",
    "RepeatFactor",
    "RowOrder",
    "RowSampler",
    "Shard",
    "Shuffled",
    "Source",
    "SourcedData",
    "Split",
    "TorchvisionSet",
    "Voc",
    "channel_moments",
    "rows_of",
]
