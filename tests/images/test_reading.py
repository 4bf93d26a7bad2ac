"""One picture, and the format that fits all: native where there is one size, grey where all are."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from torchheads.errors import DataError
from torchheads.images import DatasetPictures, ImageFiles, ImageFormat, find_format, read_image
from torchheads.images.reading import LOOKS


def pictures(*kinds: tuple[str, tuple[int, int]]) -> DatasetPictures:
    return DatasetPictures([(Image.new(mode, size), 0) for mode, size in kinds])


@pytest.mark.parametrize(
    ("kinds", "size", "channels"),
    [
        ([("L", (8, 4)), ("LA", (8, 4)), ("1", (8, 4))], (4, 8), 1),
        ([("L", (8, 4)), ("RGB", (8, 4))], (4, 8), 3),
        ([("RGB", (8, 4)), ("RGB", (4, 8))], (64, 64), 3),
        ([("L", (9, 9)), ("L", (8, 8))], (64, 64), 1),
    ],
)
def test_size_and_channels(kinds: list[tuple[str, tuple[int, int]]], size: tuple[int, int], channels: int) -> None:
    assert find_format(pictures(*kinds), ImageFormat()) == ImageFormat(size, channels)
    assert find_format(pictures(*kinds), ImageFormat(channels=4 - channels)) == ImageFormat(size, 4 - channels)
    assert find_format(pictures(*kinds), ImageFormat(size=(5, 6))) == ImageFormat((5, 6), channels)


def test_what_is_wanted_stays() -> None:
    wanted = ImageFormat((5, 6), 3, 7, "bicubic", (0.1,) * 3, (0.2,) * 3)
    assert find_format(DatasetPictures([]), wanted) == wanted  # nothing has to be found
    several = pictures(("L", (8, 8)), ("L", (9, 9)))
    assert find_format(several, ImageFormat(), default_size=32).size == (32, 32)
    assert find_format(several, ImageFormat(resize=48)).size == (48, 48)


def test_a_few_headers_stand_for_all(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "b.png")
    paths = ["a.png"] * 999 + ["b.png"]
    assert find_format(ImageFiles(tmp_path, paths), ImageFormat())[:2] == ((8, 8), 1)
    opened: list[int] = []
    spread = ImageFiles(tmp_path, ["a.png"] * 400 + ["b.png"] * 600)
    whole = spread.open
    spread.open = lambda row: (opened.append(row), whole(row))[1]  # type: ignore[method-assign]
    assert find_format(spread, ImageFormat())[:2] == ((64, 64), 3)
    assert (len(opened), opened[0], opened[-1]) == (LOOKS, 0, 996)


def test_no_pixel_is_decoded_for_it(tmp_path: Path) -> None:
    noise = Image.effect_noise((64, 64), 99)
    noise.save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-2000])
    truncated = ImageFiles(tmp_path, ["a.png"])
    found = find_format(truncated, ImageFormat())
    assert found[:2] == ((64, 64), 1)
    with pytest.raises(DataError, match="TH-D09"):
        read_image(truncated, 0, found)


def test_bad_pictures_do_not_count(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    files = ImageFiles(tmp_path, ["gone.png", "a.png", "gone.png"])
    assert find_format(files, ImageFormat())[:2] == ((8, 8), 1)
    with pytest.raises(DataError, match=r"TH-D15: .*gone\.png \(row 2\)"):
        find_format(files.select(torch.tensor([2, 0])), ImageFormat())


def test_d01_no_pictures() -> None:
    with pytest.raises(DataError, match="TH-D01: no pictures"):
        find_format(DatasetPictures([]), ImageFormat())


def test_d19_formats_that_cannot_be() -> None:
    with pytest.raises(DataError, match="TH-D19: channels=2"):
        find_format(pictures(("L", (8, 8))), ImageFormat(channels=2))
    with pytest.raises(DataError, match=r"TH-D19: resize=5 with size=.8, 8.; allowed 8 or more"):
        find_format(pictures(("L", (8, 8))), ImageFormat((8, 8), resize=5))
    with pytest.raises(DataError, match=r"TH-D19: mean=\[0.5, 0.5, 0.5\] for 1 channels"):
        find_format(pictures(("L", (8, 8))), ImageFormat(mean=(0.5,) * 3))
    with pytest.raises(DataError, match=r"TH-D19: size=\(8, 8\), channels=None; both must be known"):
        read_image(pictures(("L", (8, 8))), 0, ImageFormat((8, 8)))


def test_a_picture_read_may_be_written_to() -> None:
    for channels in (1, 3):
        image = read_image(pictures(("RGB", (2, 2))), 0, ImageFormat((2, 2), channels))
        image.fill_(9)  # would write into Pillow's own pixels, were it not a copy
        assert image.sum() == 9 * 4 * channels
