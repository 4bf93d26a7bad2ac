"""What a data set on disk is before it is split: its published parts, its classes, its label type.

n examples, c classes, d features.
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from torchheads.data.batch import rows_of
from torchheads.images import Pictures
from torchheads.targets import LabelType


class Examples(NamedTuple):
    """One published part: inputs, targets, and which entries of the targets are known.

    ``input`` is bytes of images (n, channels, height, width), features (n, d) as float32, or pictures still in files.
    ``target`` is class indices (n,), int64, or a multi-hot (n, c), bool; ``mask`` has its shape, None knows all.
    """

    input: Tensor | Pictures
    target: Tensor
    mask: Tensor | None = None

    def rows(self, rows: Tensor) -> "Examples":
        """Some of the examples; of pictures in files nothing is read."""
        chosen = self.input[rows] if isinstance(self.input, Tensor) else self.input.select(rows)
        return Examples(chosen, rows_of(self.target, rows), rows_of(self.mask, rows))

    def shifted(self, label_offset: int) -> "Examples":
        """The same with class indices that start at 0 where the source counts from ``label_offset``."""
        return self if label_offset == 0 else self._replace(target=self.target - label_offset)


class Source(NamedTuple):
    """Parts by name ("train", and "val", "calibration", "test" where they are published), class names, label type.

    ``left_out`` has a line for each file that was passed over in reading.
    """

    parts: Mapping[str, Examples]
    class_names: tuple[str, ...]
    label_type: LabelType
    left_out: tuple[str, ...] = ()
