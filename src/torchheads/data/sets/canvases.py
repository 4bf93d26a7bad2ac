"""What data made of canvases share: options, splits of the source digits, and which digit is in which cell.

n canvases, q cells of a canvas, s source digits.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Unpack

from jaxtyping import Int64
from torch import Tensor

from torchheads.data.base import SPLITS, ClassificationData
from torchheads.data.batch import Split
from torchheads.data.functional.composing import canvas_sources, compose_canvases
from torchheads.data.options import LoaderOptions
from torchheads.data.sets.digits import split_digits
from torchheads.errors import DataError


class Canvases(ClassificationData, ABC):
    """Grids of handwritten digits; abstract, what is asked about a canvas is up to `DigitCanvases` and `CanvasTasks`.

    Source digits are split before canvases are composed, so no digit is on canvases of two splits; the splits are those
    of `Digits` with the same ``split_seed``. The same options give the same canvases, whatever is asked about them.
    """

    def __init__(
        self,
        grid: int = 2,
        digits: Sequence[int] = (0, 4),
        train_size: int = 6000,
        val_size: int = 1000,
        calibration_size: int = 1000,
        test_size: int = 2000,
        **options: Unpack[LoaderOptions],
    ) -> None:
        super().__init__(**options)
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
        return Split(compose_canvases(source.input, cells), self.canvas_targets(source.target, cells))

    @abstractmethod
    def canvas_targets(self, labels: Int64[Tensor, "s"], cells: Int64[Tensor, "n q"]) -> Any:
        """The targets of canvases, from the labels of the source digits and the digit of each cell, -1 for none."""
