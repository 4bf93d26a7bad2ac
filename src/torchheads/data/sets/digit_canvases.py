"""The default multi-label data: canvases with several handwritten digits, one digit, or none.

n canvases, q cells of a canvas, s source digits, c classes.
"""

from typing import final

from jaxtyping import Bool, Int64
from torch import Tensor

from torchheads.data.functional.composing import label_sets
from torchheads.data.sets.canvases import Canvases
from torchheads.data.sets.digits import CLASS_NAMES


@final
class DigitCanvases(Canvases):
    """Grids of handwritten digits; the target is the set of digit classes on the canvas, the empty set included.

    The number of digits is the knob between single-label and multi-label data: ``digits=(1, 1)`` is "exactly one",
    ``(0, 4)`` is "any set of up to four". Source digits are split before canvases are composed, so no digit is on
    canvases of two splits; the splits are those of `Digits` with the same ``split_seed``.

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
        >>> data = DigitCanvases(train_size=100, val_size=10, calibration_size=10, test_size=10)
        >>> data.split("train").input.shape, data.split("train").target.shape
        (torch.Size([100, 1, 16, 16]), torch.Size([100, 10]))
    """

    name = "digit_canvases"
    label_type = "multi"
    class_names = CLASS_NAMES

    def canvas_targets(self, labels: Int64[Tensor, "s"], cells: Int64[Tensor, "n q"]) -> Bool[Tensor, "n c"]:
        """The set of classes on each canvas."""
        return label_sets(labels, cells, len(self.class_names))
