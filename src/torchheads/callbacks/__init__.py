"""Lightning callbacks that know what a run watches, because its module tells them."""

from torchheads.callbacks.best_checkpoint import BestCheckpoint
from torchheads.callbacks.early_stopping import EarlyStopping
from torchheads.callbacks.fit_held_out import FitHeldOut
from torchheads.callbacks.gradient_clipping import GradientClipping
from torchheads.callbacks.progress import Progress
from torchheads.callbacks.start_summary import StartSummary
from torchheads.callbacks.step_in_backward import StepInBackward
from torchheads.callbacks.weight_averaging import WeightAveraging

__all__ = [
    "BestCheckpoint",
    "EarlyStopping",
    "FitHeldOut",
    "GradientClipping",
    "Progress",
    "StartSummary",
    "StepInBackward",
    "WeightAveraging",
]
