"""Arrays as pictures: the same pixels come back, whatever rows are chosen."""

import pytest
import torch

from torchheads.images import ArrayPictures, ImageFormat, decode


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_pixels_come_back(channels: int) -> None:
    images = torch.randint(0, 256, (5, channels, 4, 6), dtype=torch.uint8)
    pictures = ArrayPictures(images).select(torch.tensor([3, 0, 4])).select(torch.tensor([2, 0]))
    assert (len(pictures), pictures.where(0)) == (2, "image 4")
    decoded = decode(pictures, ImageFormat(size=(4, 6), channels=channels))
    assert torch.equal(decoded.images, images[[4, 3]])
