"""Resizing against Pillow, whose bilinear filter is antialiased as well."""

import numpy as np
import pytest
import torch
from PIL import Image

from torchheads.data.functional.resizing import resize_images


@pytest.mark.parametrize("size", [(7, 5), (32, 40)])
@pytest.mark.parametrize(
    ("interpolation", "pillow"), [("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)]
)
def test_as_pillow(size, interpolation, pillow) -> None:
    # no values near 0 and 255: Pillow cuts them off after each of its two passes
    images = torch.randint(80, 170, (3, 1, 20, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    resized = resize_images(images, size, interpolation)
    assert resized.dtype == torch.uint8
    for before, after in zip(images[:, 0], resized[:, 0], strict=True):
        wanted = np.asarray(Image.fromarray(before.numpy()).resize(size[::-1], pillow))
        assert np.abs(wanted.astype(int) - after.numpy().astype(int)).max() <= 1


def test_the_right_size_is_the_same_tensor() -> None:
    images = torch.zeros(2, 1, 4, 6, dtype=torch.uint8)
    assert resize_images(images, (4, 6)) is images


def test_blocks_are_put_together() -> None:
    images = torch.arange(2500, dtype=torch.int64).remainder(256).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    assert torch.equal(resize_images(images, (1, 1)).flatten(), images[:, 0, 0, 0])
