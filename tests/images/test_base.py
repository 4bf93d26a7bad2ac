"""What both collections of pictures promise: length, names, rows chosen, pictures that can be opened again."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from torchheads.images import DatasetPictures, ImageFiles, ImageFormat, Pictures, read_image


def files(folder: Path) -> Pictures:
    for level in (10, 20, 30):
        Image.new("L", (2, 2), level).save(folder / f"{level}.png")
    return ImageFiles(folder, ["10.png", "20.png", "30.png"])


def dataset(folder: Path) -> Pictures:
    return DatasetPictures([(Image.new("L", (2, 2), level), 0) for level in (10, 20, 30)])


@pytest.mark.parametrize("make", [files, dataset])
def test_rows_chosen_keep_their_names(make: Callable[[Path], Pictures], tmp_path: Path) -> None:
    pictures = make(tmp_path)
    chosen = pictures.select(torch.tensor([2, 0])).select(torch.tensor([1, 0, 1]))
    assert (len(pictures), len(chosen)) == (3, 3)
    assert [chosen.where(row) for row in range(3)] == [pictures.where(row) for row in (0, 2, 0)]
    levels = [read_image(chosen, row, ImageFormat((1, 1), 1)).item() for row in range(3)]
    assert levels == [10, 30, 10]


@pytest.mark.parametrize("make", [files, dataset])
def test_a_picture_can_be_read_again(make: Callable[[Path], Pictures], tmp_path: Path) -> None:
    pictures = make(tmp_path)
    for side in (1, 2, 3):
        assert read_image(pictures, 1, ImageFormat((side, side), 1)).flatten().tolist() == [20] * side**2
