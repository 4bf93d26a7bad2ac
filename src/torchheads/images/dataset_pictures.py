"""Pictures of a map-style dataset that opens them itself, such as those of torchvision.

m rows chosen.
"""

from typing import Any, Protocol, final

import torch
from jaxtyping import Int64
from PIL import Image
from torch import Tensor

from torchheads.errors import DataError
from torchheads.images.base import Pictures
from torchheads.images.faults import check_header, faults_named
from torchheads.images.functional import load


class MapDataset(Protocol):
    """What is asked of a dataset: a length, and an item by number."""

    def __len__(self) -> int:
        """How many items there are."""

    def __getitem__(self, row: int, /) -> Any:
        """Picture and label."""


@final
class DatasetPictures(Pictures):
    """The pictures of a dataset whose items are (PIL image, label); its own transforms are left out or give images.

    Use it for datasets that know how to find their pictures; `ImageFiles` is the sibling for files. Items are asked for
    from several threads at once.

    Args:
        dataset: with a length; ``dataset[row]`` is a pair of a PIL image and anything.
        rows: the items to take, shape (M,); None takes all.

    Example:
        >>> pictures = DatasetPictures([(Image.new("L", (8, 4)), 0)])
        >>> pictures.open(0).size, pictures.where(0)
        ((8, 4), 'list, row 0')
    """

    def __init__(self, dataset: MapDataset, rows: Int64[Tensor, "m"] | None = None) -> None:
        self.dataset = dataset
        self.rows = torch.arange(len(dataset)) if rows is None else rows

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.rows)

    def open(self, row: int) -> Image.Image:
        """A picture of which all pixels are read; see `Pictures.open`.

        Raises:
            DataError: code D08 for an item that is no pair with a PIL image, D09 for one that cannot be read, D15 for
                a missing file, D17 for too many pixels.
        """
        where = self.where(row)
        with faults_named(where):
            item = self.dataset[int(self.rows[row])]
            picture = item[0] if isinstance(item, tuple | list) and len(item) == 2 else None
            if not isinstance(picture, Image.Image):
                problem = f"{where} is {described(item)}; allowed a pair of a PIL image and its label"
                raise DataError("D08", problem, "the dataset with transform=None")
            check_header(picture, where)
            load(picture)  # here: the dataset may keep it, and must find it whole whatever is read from it
            return picture

    def where(self, row: int) -> str:
        """Class of the dataset and item, ``CIFAR10, row 7``."""
        return f"{type(self.dataset).__name__}, row {int(self.rows[row])}"

    def select(self, rows: Int64[Tensor, "m"]) -> "DatasetPictures":
        """The pictures of some rows, in that order."""
        return DatasetPictures(self.dataset, self.rows[rows])


def described(item: object) -> str:
    """The structure of an item, in a few words.

    Example:
        >>> described((torch.zeros(3, 8, 8), 1, 2))
        'tuple of Tensor (3, 8, 8), int, int'
    """
    if isinstance(item, dict):
        return f"dict of {', '.join(map(str, item))}"
    if isinstance(item, tuple | list) and len(item) <= 4:
        return f"{type(item).__name__} of {', '.join(map(described, item))}"
    return type(item).__name__ + (f" {tuple(item.shape)}" if isinstance(item, Tensor) else "")
