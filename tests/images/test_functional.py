"""Modes, orientations and sizes: each against a value worked by hand or torchvision's own resizing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageOps, PngImagePlugin
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as reference

from torchheads.errors import DataError
from torchheads.images import DatasetPictures, ImageFiles, ImageFormat, find_format, read_image
from torchheads.images.functional import plain, scaled_size

# Modes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "colour", "name", "channels", "pixel"),
    [
        ("1", 1, "a.png", 1, [255]),
        ("L", 7, "a.png", 1, [7]),
        ("L", 7, "a.bmp", 1, [7]),
        ("LA", (200, 255), "a.png", 1, [200]),
        ("LA", (200, 0), "a.png", 1, [0]),  # transparent is black
        ("LA", (200, 51), "a.png", 1, [40]),  # 200 * 51 / 255
        ("I;16", 32768, "a.png", 1, [128]),  # the upper byte
        ("I;16", 255, "a.tiff", 1, [0]),
        ("I;16B", 65535, "a.tiff", 1, [255]),
        ("I", 200, "a.tiff", 1, [200]),
        ("F", 200.0, "a.tiff", 1, [200]),
        ("F", 1.0, "a.tiff", 1, [1]),
        ("RGB", (1, 2, 3), "a.png", 3, [1, 2, 3]),
        ("RGB", (1, 2, 3), "a.ppm", 3, [1, 2, 3]),
        ("RGBA", (200, 100, 50, 255), "a.png", 3, [200, 100, 50]),
        ("RGBA", (200, 100, 50, 51), "a.png", 3, [40, 20, 10]),
        ("RGBA", (200, 100, 50, 0), "a.webp", 3, [0, 0, 0]),
        ("CMYK", (255, 0, 0, 0), "a.tiff", 3, [0, 255, 255]),
        ("CMYK", (0, 0, 0, 255), "a.tiff", 3, [0, 0, 0]),
        ("CMYK", (255, 0, 0, 0), "a.jpg", 3, [0, 255, 255]),
        ("YCbCr", (100, 128, 128), "a.tiff", 3, [100, 100, 100]),
        ("L", 7, "a.jpg", 1, [7]),
        ("RGB", (100, 100, 100), "a.jpg", 3, [100, 100, 100]),
    ],
)
def test_modes_in_files(mode: str, colour: Any, name: str, channels: int, pixel: list[int], tmp_path: Path) -> None:
    Image.new(mode, (3, 2), colour).save(tmp_path / name)
    pictures = ImageFiles(tmp_path, [name])
    found = find_format(pictures, ImageFormat())
    assert found[:2] == ((2, 3), channels)
    image = read_image(pictures, 0, found)
    assert (image.dtype, image.shape) == (torch.uint8, (channels, 2, 3))
    assert image.flatten(1).T.tolist() == [pixel] * 6


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I", "F", "I;16", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "P"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_becomes_grey_and_colour(mode: str, channels: int) -> None:
    pictures = DatasetPictures([(Image.new(mode, (5, 4)), 0)])
    assert read_image(pictures, 0, ImageFormat((4, 5), channels)).shape == (channels, 4, 5)


def test_a_palette_with_and_without_transparency(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.gif")
    picture.save(tmp_path / "b.png", transparency=1)
    picture.save(tmp_path / "c.png", transparency=bytes([255, 51]))
    pictures = ImageFiles(tmp_path, ["a.png", "a.gif", "b.png", "c.png"])
    second = [read_image(pictures, row, ImageFormat((1, 2), 3))[:, 0].T.tolist() for row in range(4)]
    assert second == [[[10, 20, 30], pixel] for pixel in ([200, 100, 50], [200, 100, 50], [0, 0, 0], [40, 20, 10])]
    assert find_format(pictures, ImageFormat()).channels == 3


def test_a_colour_that_stands_for_transparent(tmp_path: Path) -> None:
    picture = Image.new("RGB", (2, 1), (10, 20, 30))
    picture.putpixel((1, 0), (200, 100, 50))
    picture.save(tmp_path / "a.png", transparency=(200, 100, 50))
    image = read_image(ImageFiles(tmp_path, ["a.png"]), 0, ImageFormat((1, 2), 3))
    assert image[:, 0].T.tolist() == [[10, 20, 30], [0, 0, 0]]


@pytest.mark.parametrize(
    ("mode", "values", "message"),
    [
        ("I", [0, 4000], r"32-bit values 0\.\.4000; allowed brightness 0\.\.255"),
        ("I", [-1, 200], r"32-bit values -1\.\.200"),
        ("F", [0.0, 256.0], r"32-bit values 0\.\.256"),
        ("F", [0.0, 0.97], r"32-bit values 0\.\.0\.97"),  # on a scale of 0..1: would be black
        ("F", [1.0, float("nan")], r"32-bit values nan\.\.nan"),
    ],
)
def test_d09_numbers_that_are_no_brightness(mode: str, values: list[float], message: str, tmp_path: Path) -> None:
    Image.fromarray(np.array([values], dtype={"I": np.int32, "F": np.float32}[mode])).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match=rf"TH-D09: .*a\.tiff \(row 0\) cannot be read.*{message}"):
        read_image(ImageFiles(tmp_path, ["a.tiff"]), 0, ImageFormat((1, 2), 1))


def test_numbers_that_may_be_brightness() -> None:
    for values in ([0.0, 1.0], [0.5, 2.0], [0.0, 255.0]):
        plain(Image.fromarray(np.array([values], dtype=np.float32)))


# Orientation ----------------------------------------------------------------------------------------------------------

UPRIGHT = np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8)
# How an upright picture lies in a file of each EXIF orientation: which of its sides are row 0 and column 0 of the file.
STORED = {
    1: UPRIGHT,  # top, left
    2: [[30, 20, 10], [60, 50, 40]],  # top, right
    3: [[60, 50, 40], [30, 20, 10]],  # bottom, right
    4: [[40, 50, 60], [10, 20, 30]],  # bottom, left
    5: [[10, 40], [20, 50], [30, 60]],  # left, top
    6: [[30, 60], [20, 50], [10, 40]],  # right, top
    7: [[60, 30], [50, 20], [40, 10]],  # right, bottom
    8: [[40, 10], [50, 20], [60, 30]],  # left, bottom
}


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.webp"])
def test_pictures_are_turned_as_the_camera_was_held(orientation: int, name: str, tmp_path: Path) -> None:
    stored = Image.fromarray(np.array(STORED[orientation], dtype=np.uint8))
    stored.save(tmp_path / name, exif=turned(orientation), **({"lossless": True} if name == "a.webp" else {}))
    pictures = ImageFiles(tmp_path, [name])
    assert find_format(pictures, ImageFormat()).size == (2, 3)
    assert read_image(pictures, 0, ImageFormat((2, 3), 1))[0].tolist() == UPRIGHT.tolist()


def test_the_exif_of_a_png_may_follow_its_pixels(tmp_path: Path) -> None:
    Image.fromarray(np.array(STORED[6], dtype=np.uint8)).save(tmp_path / "a.png", exif=turned(6))
    content = (tmp_path / "a.png").read_bytes()
    start, end = content.index(b"eXIf") - 4, content.index(b"IDAT") - 4
    last = content.index(b"IEND") - 4
    (tmp_path / "b.png").write_bytes(content[:start] + content[end:last] + content[start:end] + content[last:])
    assert read_image(ImageFiles(tmp_path, ["b.png"]), 0, ImageFormat((2, 3), 1))[0].tolist() == UPRIGHT.tolist()


@pytest.mark.parametrize(
    "exif", [b"Exif\x00\x00broken", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"", turned(9).tobytes()]
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's own
def test_exif_that_says_nothing_leaves_a_picture_as_it_is(exif: bytes, tmp_path: Path) -> None:
    Image.new("L", (4, 2), 9).save(tmp_path / "a.jpg", exif=exif)
    pictures = ImageFiles(tmp_path, ["a.jpg"])
    assert read_image(pictures, 0, find_format(pictures, ImageFormat())).shape == (1, 2, 4)


def test_exif_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", "exif\n\n8\nno hexadecimal digits")
    Image.new("L", (4, 2), 9).save(tmp_path / "a.png", pnginfo=text)
    pictures = ImageFiles(tmp_path, ["a.png"])
    assert read_image(pictures, 0, find_format(pictures, ImageFormat())).shape == (1, 2, 4)


def test_a_plain_picture_needs_its_file_no_more(tmp_path: Path) -> None:
    Image.new("L", (4, 2), 9).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        picture = plain(opened)
    assert picture.getpixel((0, 0)) == 9


# Sizes ----------------------------------------------------------------------------------------------------------------


def photo(height: int, width: int) -> Image.Image:
    """Waves of several lengths, a ramp and noise: something of all that can be seen to be blurred or moved."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 7 + y / 11), np.cos(x / 23 - y / 5), 2 * x / max(width - 1, 1) - 1]
    noise = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    return Image.fromarray((127 + 90 * np.stack(waves, -1) + noise).clip(0, 255).astype(np.uint8))


def as_tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).movedim(-1, 0)


def read(picture: Image.Image, wanted: ImageFormat) -> Tensor:
    return read_image(DatasetPictures([(picture, 0)]), 0, wanted)


SIZES = [(64, 64), (200, 131), (97, 350), (33, 21), (5, 90), (1, 1), (1, 70), (70, 1)]
WAYS = {"bilinear": v2.InterpolationMode.BILINEAR, "bicubic": v2.InterpolationMode.BICUBIC}


@pytest.mark.parametrize("interpolation", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_a_whole_picture_is_scaled_as_torchvision_scales_it(size: tuple[int, int], interpolation: str) -> None:
    picture = photo(*size)
    for wanted in ((64, 64), (40, 57), (1, 1)):
        found = read(picture, ImageFormat(wanted, 3, interpolation=interpolation)).int()
        expected = reference.resize(as_tensor(picture), list(wanted), WAYS[interpolation], antialias=True)
        assert (found - expected).abs().max() <= 1


@pytest.mark.parametrize("interpolation", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_the_centre_is_cut_out_as_torchvision_cuts_it(size: tuple[int, int], interpolation: str) -> None:
    """The whole picture is scaled there; here only what the centre depends on, and no pixel of its edge may differ."""
    picture = photo(*size)
    for wanted, resize in (((48, 48), 64), ((47, 30), 47), ((20, 21), 33)):
        found = read(picture, ImageFormat(wanted, 3, resize, interpolation)).int()
        scaled = v2.Resize(resize, WAYS[interpolation], antialias=True)(as_tensor(picture))
        assert (found - reference.center_crop(scaled, list(wanted))).abs().max() <= 1


def test_the_shorter_side_is_scaled() -> None:
    assert scaled_size((500, 375), ImageFormat((224, 224), 3, 256)) == (341, 256)
    assert scaled_size((375, 500), ImageFormat((224, 224), 3, 256)) == (256, 341)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 13), (1, 1)])
def test_a_picture_of_the_right_size_keeps_every_pixel(height: int, width: int) -> None:
    picture = photo(height, width)
    assert torch.equal(read(picture, ImageFormat((height, width), 3)), as_tensor(picture))


def test_a_picture_of_the_right_scale_is_only_cut() -> None:
    picture = photo(21, 34)
    found = read(picture, ImageFormat((10, 21), 3, resize=21, interpolation="bicubic"))
    assert torch.equal(found, as_tensor(picture)[:, 6:16, 6:27])  # 5.5 and 6.5 are rounded to even numbers


def test_a_long_picture_is_not_scaled_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 1 x 5000 the whole would be 224 x 1,120,000 pixels; longer ones would be a bomb of our own making."""
    sizes: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def noted(self: Image.Image, size: tuple[int, int], *rest: Any) -> Image.Image:
        sizes.append(size)
        return resize(self, size, *rest)

    monkeypatch.setattr(Image.Image, "resize", noted)
    for size in ((5000, 1), (1, 5000)):
        image = read(Image.new("L", size, 7), ImageFormat((224, 224), 1, resize=224, interpolation="bicubic"))
        assert image.shape == (1, 224, 224)
        assert image.unique().tolist() == [7]
    assert len(sizes) == 2
    assert max(map(max, sizes)) < 5 * 224 + 5


# JPEG at a fraction of its size ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("wanted", [ImageFormat((16, 20), 3), ImageFormat((14, 13), 3, resize=17)])
def test_a_shrunk_jpeg_is_where_the_whole_one_is(orientation: int, wanted: ImageFormat, tmp_path: Path) -> None:
    """A steep ramp shows a shift; 761 and 1017 are one above multiples of 8, so a shrunk picture is rounded far up."""
    y, x = np.mgrid[:761, :1017]
    ramp = np.stack([x / 4, y / 3, 255 - x / 8 - y / 8], -1).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "a.jpg", quality=98, subsampling=0, exif=turned(orientation))
    found = read_image(ImageFiles(tmp_path, ["a.jpg"]), 0, wanted).int()
    with Image.open(tmp_path / "a.jpg") as picture:
        upright = as_tensor(ImageOps.exif_transpose(picture))
    if wanted.resize is None:
        expected = reference.resize(upright, [16, 20], antialias=True)
    else:
        expected = reference.center_crop(v2.Resize(wanted.resize, antialias=True)(upright), [14, 13])
    assert (found - expected).abs().max() <= 1


def test_a_large_jpeg_is_shrunk_and_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(1100, 1300).save(tmp_path / "a.jpg", quality=90)
    loaded: list[tuple[int, int]] = []
    crop = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda self, *rest: (loaded.append(self.size), crop(self, *rest))[1])
    found = read_image(ImageFiles(tmp_path, ["a.jpg"]), 0, ImageFormat((64, 64), 3)).int()
    assert loaded == [(325, 275)]  # a quarter: an eighth would be less than 4 times 64
    with Image.open(tmp_path / "a.jpg") as picture:
        difference = (found - reference.resize(as_tensor(picture), [64, 64], antialias=True)).abs()
    assert difference.max() <= 2
    assert difference.float().mean() <= 0.5


def test_of_several_pictures_in_a_file_the_first_is_read(tmp_path: Path) -> None:
    """Phones store a JPEG and a map of its depth (MPO); a GIF may move."""
    first, second = Image.new("L", (600, 400), 9), Image.new("L", (600, 400), 99)
    for name in ("a.mpo", "a.gif"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
        image = read_image(ImageFiles(tmp_path, [name]), 0, ImageFormat((4, 4), 1))
        assert image.unique().tolist() == [9], name


def test_a_small_jpeg_is_decoded_whole(tmp_path: Path) -> None:
    photo(150, 150).save(tmp_path / "a.jpg")
    found = read_image(ImageFiles(tmp_path, ["a.jpg"]), 0, ImageFormat((64, 64), 3)).int()
    with Image.open(tmp_path / "a.jpg") as picture:
        assert (found - reference.resize(as_tensor(picture), [64, 64], antialias=True)).abs().max() <= 1
