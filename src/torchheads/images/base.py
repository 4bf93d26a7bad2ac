"""What every collection of pictures offers: how many there are, each of them opened, and the words to name it by.

m rows chosen.
"""

from abc import ABC, abstractmethod

from jaxtyping import Int64
from PIL import Image
from torch import Tensor


class Pictures(ABC):
    """Pictures that are still where they are kept, by row; `decode` makes tensors of them.

    `ImageFiles` are files of a folder, `DatasetPictures` the items of a map-style dataset. Several threads may call
    `open` at once.
    """

    @abstractmethod
    def __len__(self) -> int:
        """How many pictures there are."""

    @abstractmethod
    def open(self, row: int) -> Image.Image:
        """A picture whose header was read and found to be in order; its pixels may be read later.

        Whoever opens it closes it (``with pictures.open(row) as picture``).

        Args:
            row: 0..len - 1.

        Raises:
            DataError: names `where` it is and what is wrong with it.
        """

    @abstractmethod
    def where(self, row: int) -> str:
        """File and row of a picture in one line, as messages name it."""

    @abstractmethod
    def select(self, rows: Int64[Tensor, "m"]) -> "Pictures":
        """The pictures of some rows, in that order; each keeps the name that `where` gives it."""
