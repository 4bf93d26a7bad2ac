"""Random shifts and mirror images, one draw for each example, by a hash of (seed, epoch, index) instead of a generator.

n examples, b examples of a batch, ch channels, h height, w width.
"""

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from torchheads.data.functional.keyed import Stream, keyed_integers
from torchheads.data.functional.windows import Windows, make_windows, read_windows, window_places
from torchheads.errors import DataError


class Augmentation:
    """Shift each image by up to ``shift`` pixels in each direction, mirror every second one; each on its own.

    The same (seed, epoch, index) gives the same pixels in any batch, on any device. A shift is a crop after padding:
    pixels pushed out are lost, the background 0 comes in. ``Augmentation()`` changes nothing.

    Args:
        shift: largest shift in pixels, >= 0; all ``(2 shift + 1)^2`` shifts are equally likely.
        flip: whether half of the images are mirrored left to right; not for digits or letters.

    Raises:
        DataError: code D11 for a shift below 0.

    Example:
        >>> images = torch.rand(4, 1, 8, 8)
        >>> Augmentation(shift=1)(images, torch.arange(4), seed=0, epoch=0).shape
        torch.Size([4, 1, 8, 8])
    """

    def __init__(self, shift: int = 0, flip: bool = False) -> None:
        if shift < 0:
            raise DataError("D11", f"augment.shift={shift}; allowed 0 or more pixels", "data.augment.shift=1")
        self.shift = shift
        self.flip = flip

    def __call__(
        self, images: Shaped[Tensor, "b ch h w"], index: Int64[Tensor, "b"], *, seed: int, epoch: int
    ) -> Shaped[Tensor, "b ch h w"]:
        """Augment a batch.

        Args:
            images: shape (B, channels, height, width), any dtype, background 0.
            index: row id of each image, shape (B,), int64, on the device of ``images``.
            seed: seed of the run.
            epoch: epoch of the run.

        Returns:
            Images of the same shape, dtype and device.
        """
        windows = self.windows(images)
        rows = torch.arange(len(images), device=images.device)
        return read_windows(windows, self.places(windows, rows, index, seed=seed, epoch=epoch))

    def windows(self, images: Shaped[Tensor, "n ch h w"]) -> Windows:
        """A buffer from which every augmented copy of ``images`` can be read; made once for a whole split."""
        return make_windows(images, border=self.shift, mirror=self.flip)

    def places(
        self, windows: Windows, rows: Int64[Tensor, "b"], index: Int64[Tensor, "b"], *, seed: int, epoch: int
    ) -> Int64[Tensor, "b"]:
        """Where in ``windows`` the augmented copy of each image ``rows`` starts; ``index`` is its id in the key."""
        top = keyed_integers(seed, epoch, Stream.TOP, index, 2 * self.shift + 1)
        left = keyed_integers(seed, epoch, Stream.LEFT, index, 2 * self.shift + 1)
        mirrored = keyed_integers(seed, epoch, Stream.MIRROR, index, 1 + self.flip).bool()
        return window_places(windows, rows, top, left, mirrored)

    def __repr__(self) -> str:
        """The constructor."""
        return f"Augmentation(shift={self.shift}, flip={self.flip})"
