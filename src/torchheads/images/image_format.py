"""What a model sees of a picture: size, channels, how it is scaled, and the numbers its pixels are standardised by."""

from typing import Final, NamedTuple

from torchheads.errors import DataError

INTERPOLATIONS: Final = ("bilinear", "bicubic")


class ImageFormat(NamedTuple):
    """The form that every picture of a data set is brought to; None is found from the pictures by `find_format`.

    A pretrained backbone states the format that its weights were trained on; ``ImageFormat()`` takes pictures as they
    are.

    Args:
        size: (height, width) of what the model sees, >= 1.
        channels: 1 for grey, 3 for RGB.
        resize: the shorter side is scaled to this and the centre ``size`` is cut out, >= both sides of ``size``; None
            scales the whole picture to ``size``, which keeps no aspect ratio but cuts off nothing that has a label.
        interpolation: bilinear or bicubic, both antialiased.
        mean: of each channel, of pixels scaled to 0..1; None for those of the training split.
        deviation: the same, > 0.

    Example:
        >>> ImageFormat(size=(224, 224), channels=3, resize=256).is_complete
        True
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    resize: int | None = None
    interpolation: str = "bilinear"
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether pictures can be read in it: size and channels are known."""
        return self.size is not None and self.channels is not None

    def check(self) -> None:
        """Refuse a format that no picture can be brought to.

        Raises:
            DataError: code D19.

        Example:
            >>> ImageFormat(channels=2).check()
            Traceback (most recent call last):
            torchheads.errors.DataError: TH-D19: channels=2; allowed 1 (grey) or 3 (RGB). Try: data.channels=3
        """
        self._check_sizes()
        if self.channels not in (None, 1, 3):
            raise DataError("D19", f"channels={self.channels}; allowed 1 (grey) or 3 (RGB)", "data.channels=3")
        if self.interpolation not in INTERPOLATIONS:
            problem = f"interpolation={self.interpolation!r}; allowed {', '.join(INTERPOLATIONS)}"
            raise DataError("D19", problem, 'interpolation="bilinear"')
        for name, numbers in (("mean", self.mean), ("deviation", self.deviation)):
            if numbers is not None and len(numbers) != (self.channels or len(numbers)):
                problem = f"{name}={list(numbers)} for {self.channels} channels; allowed one number a channel"
                raise DataError("D19", problem, f"data.channels={len(numbers)}")
        if self.deviation is not None and not min(self.deviation) > 0:
            raise DataError("D19", f"deviation={list(self.deviation)}; allowed > 0", "deviation=null")

    def _check_sizes(self) -> None:
        if self.size is not None and min(self.size) < 1:
            raise DataError("D19", f"size={list(self.size)}; allowed 1 pixel or more", "data.image_size=64")
        least = max(self.size) if self.size is not None else 1
        if self.resize is not None and self.resize < least:
            problem = f"resize={self.resize} with size={self.size}; allowed {least} or more, so that there is enough"
            raise DataError("D19", f"{problem} to cut from", f"resize={least}")
