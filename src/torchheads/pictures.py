"""A picture file as a data set's raw images are: its channels, its size, its scale of brightness.

b = 1 picture, ch channels, h height, w width.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor

from torchheads.errors import CheckpointMismatch, DataError
from torchheads.images import DatasetPictures, ImageFormat, read_image
from torchheads.images.functional import plain

if TYPE_CHECKING:
    from torchheads.data import ClassificationData

CHANNELS = (1, 3)


def read_picture(file: str | Path) -> Image.Image:
    """A picture as RGB or, where it has no colours, grey; turned as its camera says, transparency on black.

    Raises:
        DataError: code D09, for a file that is no picture.
    """
    try:
        with Image.open(file) as opened:
            return plain(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        problem = f"{file} cannot be read as a picture ({type(error).__name__})"
        raise DataError("D09", problem, "--image with a PNG or JPEG file") from error


def as_input(picture: Image.Image, data: ClassificationData, invert: bool) -> Float[Tensor, "1 ch h w"]:
    """A picture as a raw image of the data: resized, black 0, white the largest value of the training split.

    Args:
        picture: grey or RGB, of any size.
        data: whose images the model was trained on.
        invert: swap light and dark, for dark writing on a light ground where the model knows the opposite.

    Returns:
        Shape (1, channels, height, width), float32.

    Raises:
        CheckpointMismatch: code K03, for data that are neither grey nor RGB pictures.
    """
    if len(data.input_shape) != 3:
        problem = f"the checkpoint takes {data.input_shape[0]} features ({data.name}); a picture is none"
        raise CheckpointMismatch("K03", problem, "torchheads explain with the model's logits as name=number")
    channels, height, width = data.input_shape
    if channels not in CHANNELS:
        problem = f"the checkpoint takes {channels} channels ({data.name}), which no picture has; allowed 1 or 3"
        raise CheckpointMismatch("K03", problem, "torchheads explain with the model's logits as name=number")
    shown = ImageOps.invert(picture) if invert else picture
    wanted = data.image_format or ImageFormat(size=(height, width), channels=channels)
    pixels = read_image(DatasetPictures([(shown, 0)]), 0, wanted)
    return pixels[None].float() * (brightest_shade(data) / 255)


def brightest_shade(data: ClassificationData) -> float:
    """The number that white is in the data: 16 in digits, 255 in pictures from files."""
    inputs = data.split("train").input
    return float(inputs.max()) if isinstance(inputs, Tensor) and data.image_format is None else 255.0


def brightness_note(image: Float[Tensor, "1 ch h w"], data: ClassificationData, remedy: str) -> str:
    """A line for a picture that is brighter or darker than every training image; an empty text for any other.

    A model answers such a picture as firmly as any other. Often light and dark are swapped.

    Args:
        image: as `as_input` returns it.
        data: whose images the model was trained on.
        remedy: what to try; said only where swapping light and dark brings the picture nearer to the training images.
    """
    images = data.split("train").input
    if not isinstance(images, Tensor):  # left in their files
        return ""
    seen, mean, white = images.flatten(1).float().mean(dim=1), image.mean().item(), brightest_shade(data)
    darkest, brightest = seen.min().item(), seen.max().item()
    if darkest <= mean <= brightest:
        return ""
    note = f"the picture is {'brighter' if mean > brightest else 'darker'} than every training image"
    distance, swapped = (max(darkest - level, level - brightest) for level in (mean, white - mean))
    return f"{note}. Try: {remedy}" if swapped < distance else note
