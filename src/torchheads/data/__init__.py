"""Data sets, and loaders that train on every row exactly once, whatever is interrupted."""

from torchheads.data.augmentation import Augmentation
from torchheads.data.base import ClassificationData
from torchheads.data.batch import Batch, FeatureBatch, Split, rows_of
from torchheads.data.canvas_tasks import CanvasTasks
from torchheads.data.celeba import CelebA
from torchheads.data.coco import Coco
from torchheads.data.digit_canvases import DigitCanvases
from torchheads.data.digits import Digits
from torchheads.data.embeddings import Embeddings
from torchheads.data.functional.sharing import Shard
from torchheads.data.functional.statistics import Moments, channel_moments
from torchheads.data.image_folder import ImageFolder
from torchheads.data.loader import KeyedLoader
from torchheads.data.manifest import Manifest
from torchheads.data.mixing import CutMix, Mixing, Mixup
from torchheads.data.mulan import Mulan
from torchheads.data.sampler import EvaluationSampler, KeyedSampler, RowSampler
from torchheads.data.sampling import ClassAware, EpochOrder, RepeatFactor, RowOrder, Shuffled
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.data.torchvision_set import TorchvisionSet
from torchheads.data.voc import Voc

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
