"""The default data of several tasks: two questions about the same canvas of handwritten digits, for two heads.

n canvases, q cells of a canvas, s source digits.
"""

from typing import final

from jaxtyping import Int64
from torch import Tensor

from torchheads.data.functional.composing import first_cells, label_sets
from torchheads.data.sets.canvases import Canvases
from torchheads.data.sets.digits import CLASS_NAMES


@final
class CanvasTasks(Canvases):
    """The canvases of `DigitCanvases` with two targets: which digit is top left, and which digits are there at all.

    ``top_left`` is single-label: one of the ten digits, or "empty", an eleventh class, since an empty cell is an answer
    and not an unknown one. ``present`` is multi-label: the set of digits, as in `DigitCanvases`. Class names, label
    types and targets are dicts by task, for a `torchheads.MultiHead` of the same names. A mirrored canvas has another
    digit top left: ``augment.flip`` does not suit these data.

    Args:
        grid: cells a side; a canvas has 8 x grid pixels a side.
        digits: lowest and highest number of digits on a canvas, 0..grid x grid; uniform in between.
        train_size: number of training canvases.
        val_size: number of validation canvases.
        calibration_size: number of canvases for calibrators and thresholds.
        test_size: number of test canvases.
        options: those of `ClassificationData`.

    Raises:
        DataError: code D01 for a size below 1; D11 for a grid or batch size below 1; D12 for a range of digits that
            does not fit the grid.

    Example:
        >>> data = CanvasTasks(train_size=100, val_size=10, calibration_size=10, test_size=10)
        >>> {task: tuple(target.shape) for task, target in data.split("train").target.items()}
        {'top_left': (100,), 'present': (100, 10)}
    """

    name = "canvas_tasks"
    label_type = {"top_left": "single", "present": "multi"}
    class_names = {"top_left": (*CLASS_NAMES, "empty"), "present": CLASS_NAMES}

    def canvas_targets(self, labels: Int64[Tensor, "s"], cells: Int64[Tensor, "n q"]) -> dict[str, Tensor]:
        """The class of the first cell (n,), "empty" among them, and the multi-hot (n, 10) of the digits."""
        digits = len(CLASS_NAMES)
        return {"top_left": first_cells(labels, cells, empty=digits), "present": label_sets(labels, cells, digits)}
