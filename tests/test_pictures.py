"""Pictures of every kind become what the training images are: size, channels, brightness."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from torchheads.data import Split
from torchheads.errors import CheckpointMismatch, DataError
from torchheads.pictures import as_input, brightness_note, read_picture


class Images:
    """The part of a data set that a picture is fitted to; one dark and one bright image, white is 16."""

    name = "images"

    image_format = None

    def __init__(self, channels: int = 1) -> None:
        self.input_shape = (channels, 2, 2)

    def split(self, name: str) -> Split:
        assert name == "train"
        images = torch.tensor([[4.0, 4.0, 4.0, 4.0], [2.0, 2.0, 4.0, 16.0]]).view(2, 1, 2, 2)
        return Split(images.expand(2, self.input_shape[0], 2, 2), torch.tensor([0, 1]))


def saved(folder: Path, picture: Image.Image, name: str = "a.png", **options: object) -> Path:
    picture.save(folder / name, **options)
    return folder / name


def test_black_is_zero_and_white_the_largest_value_of_the_data() -> None:
    picture = Image.fromarray(np.array([[0, 255], [51, 102]], dtype=np.uint8))
    assert as_input(picture, Images(), False)[0, 0].tolist() == [[0, 16], [pytest.approx(3.2), pytest.approx(6.4)]]
    assert as_input(picture, Images(), True)[0, 0].tolist() == [[16, 0], [pytest.approx(12.8), pytest.approx(9.6)]]


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (300, 200)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_and_colours_become_the_shape_of_the_data(size: tuple[int, int], channels: int) -> None:
    image = as_input(Image.new("RGB", size, (255, 0, 0)), Images(channels), False)
    assert image.shape == (1, channels, 2, 2)
    if channels == 3:
        assert image.mean(dim=(0, 2, 3)).tolist() == [16, 0, 0]


def test_other_channels_than_pictures_have() -> None:
    with pytest.raises(CheckpointMismatch, match=r"TH-K03: the checkpoint takes 2 channels \(images\)"):
        as_input(Image.new("L", (2, 2)), Images(2), False)


@pytest.mark.parametrize(
    ("mode", "colour", "read", "value"),
    [
        ("1", 1, "L", 255),
        ("L", 7, "L", 7),
        ("I;16", 32768, "L", 128),
        ("LA", (200, 0), "RGB", (0, 0, 0)),  # transparent is black
        ("RGBA", (200, 100, 50, 255), "RGB", (200, 100, 50)),
        ("RGBA", (200, 100, 50, 0), "RGB", (0, 0, 0)),
        ("P", 0, "RGB", (0, 0, 0)),
    ],
)
def test_modes(mode: str, colour: object, read: str, value: object, tmp_path: Path) -> None:
    picture = read_picture(saved(tmp_path, Image.new(mode, (3, 3), colour)))
    assert (picture.mode, picture.getpixel((1, 1))) == (read, value)


def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    assert read_picture(saved(tmp_path, Image.new("RGB", (4, 2)), "a.jpg", exif=exif)).size == (2, 4)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_picture(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"TH-D09: .*a\.png cannot be read as a picture.*Try: --image with a PNG"):
        read_picture(tmp_path / "a.png")


def test_a_picture_cut_off(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (50, 50), dtype=np.uint8)
    file = saved(tmp_path, Image.fromarray(noise))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DataError, match="TH-D09"):
        read_picture(file)


@pytest.mark.parametrize(
    ("level", "note"),
    [
        (4.0, ""),  # the training images have the means 4 and 6
        (6.0, ""),
        (3.0, "the picture is darker than every training image"),  # swapped it is 13: further away
        (11.0, "the picture is brighter than every training image. Try: swap"),  # swapped it is 5
        (0.0, "the picture is darker than every training image"),  # swapped it is 16
    ],
)
def test_brightness(level: float, note: str) -> None:
    assert brightness_note(torch.full((1, 1, 2, 2), level), Images(), "swap") == note
