"""The default multi-label data: canvases with several handwritten digits, one digit, or none.

n canvases, c classes.
"""

from collections.abc import Sequence
from typing import final

from torchheads.data.augmentation import Augmentation
from torchheads.data.base import SPLITS, ClassificationData
from torchheads.data.batch import Split
from torchheads.data.digits import CLASS_NAMES, split_digits
from torchheads.data.functional.composing import canvas_sources, compose_canvases, label_sets
from torchheads.errors import DataError


@final
class DigitCanvases(ClassificationData):
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
        batch_size: training rows of a step on one rank, >= 1.
        eval_batch_size: the same for every other split.
        split_seed: which digits are in which split, and what is on each canvas.
        seed: order of the training rows and their augmentation.
        augment: what is done to training canvases; None for nothing.
        drop_last: leave out the last, shorter training step.

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

    def __init__(
        self,
        grid: int = 2,
        digits: Sequence[int] = (0, 4),
        train_size: int = 6000,
        val_size: int = 1000,
        calibration_size: int = 1000,
        test_size: int = 2000,
        batch_size: int = 64,
        eval_batch_size: int = 512,
        split_seed: int = 0,
        seed: int = 0,
        augment: Augmentation | None = None,
        drop_last: bool = False,
    ) -> None:
        super().__init__(batch_size, eval_batch_size, split_seed, seed, augment, drop_last)
        self.grid = grid
        self.digits = tuple(digits)
        self.sizes = {"train": train_size, "val": val_size, "calibration": calibration_size, "test": test_size}
        self._check_options()

    def _check_options(self) -> None:
        """Refuse what cannot be composed, before any image is read."""
        if self.grid < 1:
            raise DataError("D11", f"grid={self.grid}; allowed 1 or more cells a side", "data.grid=2")
        cells = self.grid**2
        if len(self.digits) != 2 or not 0 <= self.digits[0] <= self.digits[1] <= cells:
            problem = (
                f"digits={list(self.digits)} on {self.grid} x {self.grid} cells; allowed [low, high] with 0 <= low"
            )
            raise DataError("D12", f"{problem} <= high <= {cells}", f"data.digits=[0,{cells}], or a larger data.grid")
        for name, size in self.sizes.items():
            if size < 1:
                raise DataError("D01", f"{name}_size={size}; allowed 1 or more", f"data.{name}_size=1000")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """One channel, 8 pixels a cell."""
        return (1, 8 * self.grid, 8 * self.grid)

    def load_splits(self) -> dict[str, Split]:
        """Canvases composed from the digits of each split; the key of a canvas is (split_seed, split, index)."""
        sources = split_digits(self.split_seed)
        return {name: self._compose(sources[name], number, self.sizes[name]) for number, name in enumerate(SPLITS)}

    def _compose(self, source: Split, number: int, size: int) -> Split:
        low, high = self.digits
        cells = canvas_sources(size, len(source.target), self.grid, (low, high), key=(self.split_seed, number))
        return Split(compose_canvases(source.input, cells), label_sets(source.target, cells, self.num_classes))
