"""Images that are arrays in memory, as pictures: where their scaled copies would not fit beside them.

n images, ch channels, h height, w width.
"""

from typing import final

import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor

from torchheads.images.base import Pictures


@final
class ArrayPictures(Pictures):
    """The images of a tensor, one by one; `DatasetPictures` are the items of any dataset.

    Args:
        images: shape (N, channels, height, width), uint8, with 1 or 3 channels; kept, not copied.
        rows: which of them, shape (M,), int64; None for all.

    Example:
        >>> pictures = ArrayPictures(torch.full((2, 1, 4, 6), 7, dtype=torch.uint8))
        >>> pictures.open(1).size, pictures.where(1)
        ((6, 4), 'image 1')
    """

    def __init__(self, images: UInt8[Tensor, "n ch h w"], rows: Int64[Tensor, "m"] | None = None) -> None:
        self.images = images
        self.rows = torch.arange(len(images)) if rows is None else rows

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.rows)

    def open(self, row: int) -> Image.Image:
        """One image, as a picture."""
        image = self.images[int(self.rows[row])]
        pixels = image[0] if len(image) == 1 else image.movedim(0, -1)
        return Image.fromarray(pixels.contiguous().numpy())

    def where(self, row: int) -> str:
        """Its row in the tensor."""
        return f"image {int(self.rows[row])}"

    def select(self, rows: Int64[Tensor, "m"]) -> "ArrayPictures":
        """The images of some rows, in that order."""
        return ArrayPictures(self.images, self.rows[rows])
