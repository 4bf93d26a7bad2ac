"""Datasets that open their pictures themselves: torchvision's, and those whose items are something else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from torchheads.errors import DataError
from torchheads.images import DatasetPictures, ImageFormat, decode, find_format, read_image

GREY = ImageFormat((2, 2), 1)


def test_a_dataset_of_torchvision(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    for name, picture in zip(("cat", "dog"), pixels, strict=True):
        (tmp_path / name).mkdir()
        Image.fromarray(picture).save(tmp_path / name / "a.png")
    pictures = DatasetPictures(datasets.ImageFolder(tmp_path))
    images = decode(pictures, find_format(pictures, ImageFormat())).images
    assert torch.equal(images, torch.from_numpy(pixels).movedim(-1, 1))
    assert pictures.where(1) == "ImageFolder, row 1"


@pytest.mark.parametrize(
    ("item", "structure"),
    [
        ({"image": 1, "label": 2}, "dict of image, label"),
        ((Image.new("L", (2, 2)), 1, 2), "tuple of Image, int, int"),
        ((torch.zeros(3, 8, 8), 1), r"tuple of Tensor \(3, 8, 8\), int"),
        (Image.new("L", (2, 2)), "Image"),
        ([None, 1], "list of NoneType, int"),
        (list(range(9)), "list"),
    ],
)
def test_d08_an_item_that_is_no_picture_and_label(item: Any, structure: str) -> None:
    message = rf"TH-D08: list, row 0 is {structure}; allowed a pair of a PIL image and its label. Try: .*transform=None"
    with pytest.raises(DataError, match=message):
        read_image(DatasetPictures([item]), 0, GREY)


class Failing:
    """A dataset whose items raise."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 3

    def __getitem__(self, row: int) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("cat"), r"TH-D09: Failing, row 1 cannot be read as a picture \(KeyError: 'cat'\)"),
        (FileNotFoundError(2, "No such file"), r"TH-D15: Failing, row 1 cannot be opened \(No such file\)"),
        (Image.DecompressionBombError("Image size (400000000 pixels)"), r"TH-D17: .* row 1 has 400,000,000 pixels"),
        (Image.DecompressionBombError(""), r"TH-D17: .* row 1 has too many pixels"),
        (ValueError("two\nlines"), r"\(ValueError: two lines\)"),
    ],
)
def test_what_a_dataset_raises_is_one_line_with_its_row(error: Exception, message: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        read_image(DatasetPictures(Failing(error)), 1, GREY)
    assert raised.value.__cause__ is error
    assert "\n" not in str(raised.value)


def test_a_picture_that_the_dataset_keeps_is_not_shrunk_for_it(tmp_path: Path) -> None:
    """A dataset may hand out the same opened file again; Pillow shrinks a JPEG for good where it is drafted."""
    Image.new("L", (64, 64), 9).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as kept:
        pictures = DatasetPictures([(kept, 0)])
        assert read_image(pictures, 0, GREY).tolist() == [[[9, 9], [9, 9]]]
        assert kept.size == (64, 64)
        assert find_format(pictures, ImageFormat()).size == (64, 64)


def test_d17_a_bomb_that_the_dataset_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(DataError, match=r"TH-D17: list, row 0 has 10 x 6 pixels; allowed 50 \(PIL.Image.MAX"):
        read_image(DatasetPictures([(Image.new("L", (10, 6)), 0)]), 0, GREY)
