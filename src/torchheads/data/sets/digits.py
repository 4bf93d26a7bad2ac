"""The default single-label data: 1,797 real handwritten digits that scikit-learn carries inside its package.

n examples.
"""

from functools import cache
from typing import Final, final

import torch

from torchheads.data.base import ClassificationData
from torchheads.data.batch import Split
from torchheads.data.functional.splitting import stratified_split

HELD_OUT: Final = {"test": 360, "val": 144, "calibration": 144}  # 20, 8 and 8 percent; 1,149 rows are left to train on
CLASS_NAMES: Final = tuple("0123456789")


@cache
def load_digits() -> Split:
    """All digits: images (1797, 1, 8, 8), uint8, 0..16, ink is high; class indices (1797,), int64.

    Source: E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI repository, 1998 (its test part).
    """
    from sklearn import datasets  # type: ignore[import-untyped]  # here: it costs a second and few data need it

    images, target = datasets.load_digits(return_X_y=True)
    return Split(torch.from_numpy(images).to(torch.uint8).view(-1, 1, 8, 8), torch.from_numpy(target).to(torch.int64))


def split_digits(split_seed: int) -> dict[str, Split]:
    """The digits as disjoint splits train, test, val and calibration, stratified by class.

    Example:
        >>> [len(split.target) for split in split_digits(split_seed=0).values()]
        [1149, 360, 144, 144]
    """
    digits = load_digits()
    rows = stratified_split(digits.target, HELD_OUT, split_seed, rest="train")
    return {name: Split(digits.input[ids], digits.target[ids]) for name, ids in rows.items()}


@final
class Digits(ClassificationData):
    """Handwritten digits, one class each: input (1, 8, 8), ten classes, 1,149 to train on and 360 to test on.

    Use it for a first run and for tests: it needs no download. `DigitCanvases` is its multi-label sibling.

    Args:
        options: those of `ClassificationData`.

    Raises:
        DataError: code D11 for a batch size below 1.

    Example:
        >>> data = Digits()
        >>> data.num_samples
        {'train': 1149, 'val': 144, 'calibration': 144, 'test': 360}
    """

    name = "digits"
    label_type = "single"
    class_names = CLASS_NAMES

    @property
    def input_shape(self) -> tuple[int, ...]:
        """One channel of 8 x 8 pixels."""
        return (1, 8, 8)

    def load_splits(self) -> dict[str, Split]:
        """The digits, split by ``split_seed``."""
        return split_digits(self.split_seed)
