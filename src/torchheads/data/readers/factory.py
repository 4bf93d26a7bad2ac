"""Which reader fits what a split keeps.

n examples.
"""

from typing import Final

import torch
from jaxtyping import Shaped
from torch import Tensor

from torchheads.data.augmentation import Augmentation
from torchheads.data.readers.base import Reader
from torchheads.data.readers.row_reader import RowReader
from torchheads.data.readers.window_reader import WindowReader
from torchheads.errors import DataError

SMALL: Final = 64 * 2**20
"""Bytes of a split that may be kept once more, as windows."""


def open_reader(
    inputs: Shaped[Tensor, "n ..."], augment: Augmentation | None, seed: int, device: torch.device
) -> Reader:
    """The reader of inputs that are in memory.

    Args:
        inputs: images (N, channels, height, width) or features (N, D), any dtype.
        augment: what is done to each image; None for nothing.
        seed: seed of the augmentation.
        device: where the inputs are kept.

    Raises:
        DataError: code D46, for an augmentation of inputs that are no images.
    """
    if augment is not None and inputs.ndim != 4:
        problem = f"{augment} is for images, but one input has shape {tuple(inputs.shape[1:])}; allowed no augmentation"
        raise DataError("D46", problem, "~augment")
    here = inputs.to(device)
    if augment is None:
        return RowReader(here)
    small = inputs.numel() * inputs.element_size() <= SMALL
    return (WindowReader if small else RowReader)(here, augment, seed)
