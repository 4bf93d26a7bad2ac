"""torchheads: the last layer of a classifier, with everything that follows from softmax or sigmoid.

Names load on first use, so that ``import torchheads`` costs nothing and a head needs torch alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchheads.decisions import Argmax, DecisionRule, FittedThreshold, Threshold, TopK
    from torchheads.errors import TorchHeadsError
    from torchheads.heads import ClassificationHead, MultiHead, SigmoidHead, SoftmaxHead, best_classes, predict_lists
    from torchheads.losses import (
        Asymmetric,
        BalancedSoftmax,
        BinaryCrossEntropy,
        ClassBalanced,
        Criterion,
        CrossEntropy,
        Focal,
        InverseFrequency,
        LogitAdjusted,
    )
    from torchheads.targets import LabelLists, MixedTarget

__version__ = "0.1.0"

_ROOM_OF_NAME = {
    "Argmax": "decisions",
    "Asymmetric": "losses",
    "BalancedSoftmax": "losses",
    "BinaryCrossEntropy": "losses",
    "ClassBalanced": "losses",
    "ClassificationHead": "heads",
    "Criterion": "losses",
    "CrossEntropy": "losses",
    "DecisionRule": "decisions",
    "FittedThreshold": "decisions",
    "Focal": "losses",
    "InverseFrequency": "losses",
    "LabelLists": "targets",
    "LogitAdjusted": "losses",
    "MixedTarget": "targets",
    "MultiHead": "heads",
    "SigmoidHead": "heads",
    "SoftmaxHead": "heads",
    "Threshold": "decisions",
    "TopK": "decisions",
    "TorchHeadsError": "errors",
    "best_classes": "heads",
    "predict_lists": "heads",
}

__all__ = [
    "Argmax",
    "Asymmetric",
    "BalancedSoftmax",
    "BinaryCrossEntropy",
    "ClassBalanced",
    "ClassificationHead",
    "Criterion",
    "CrossEntropy",
    "DecisionRule",
    "FittedThreshold",
    "Focal",
    "InverseFrequency",
    "LabelLists",
    "LogitAdjusted",
    "MixedTarget",
    "MultiHead",
    "SigmoidHead",
    "SoftmaxHead",
    "Threshold",
    "TopK",
    "TorchHeadsError",
    "__version__",
    "best_classes",
    "predict_lists",
]


def __getattr__(name: str) -> object:
    """Load a public name from its room on first use."""
    if name not in _ROOM_OF_NAME:
        raise AttributeError(f"module 'torchheads' has no attribute {name!r}")
    value = getattr(import_module(f"torchheads.{_ROOM_OF_NAME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted(__all__)
