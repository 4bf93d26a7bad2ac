"""Windows into the buffer against padding, slicing and flipping one image at a time."""

import pytest
import torch
import torch.nn.functional as F

from torchheads.data.functional.windows import make_windows, read_windows, window_places


def reference(images, border, rows, top, left, mirrored):
    result = []
    for row, first, column, mirror in zip(rows, top, left, mirrored, strict=True):
        padded = F.pad(images[row], (border,) * 4)
        padded = padded.flip(-1) if mirror else padded
        result.append(padded[:, first : first + images.shape[2], column : column + images.shape[3]])
    return torch.stack(result)


@pytest.mark.parametrize("shape", [(5, 1, 4, 4), (3, 3, 5, 7), (1, 2, 1, 3)])
@pytest.mark.parametrize("border", [0, 1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_every_window(shape, border, dtype):
    images = torch.arange(1, 1 + torch.Size(shape).numel()).view(shape).to(dtype)
    grid = torch.cartesian_prod(
        torch.arange(shape[0]), torch.arange(2 * border + 1), torch.arange(2 * border + 1), torch.arange(2)
    )
    rows, top, left, mirrored = grid.unbind(1)
    windows = make_windows(images, border=border, mirror=True)
    read = read_windows(windows, window_places(windows, rows, top, left, mirrored.bool()))
    assert read.dtype == dtype
    assert torch.equal(read, reference(images, border, rows, top, left, mirrored))


def test_without_mirrors_the_buffer_is_half_as_large():
    images = torch.ones(2, 1, 4, 4)
    assert make_windows(images, 1, mirror=True).buffer.numel() == 2 * make_windows(images, 1).buffer.numel()


def test_reading_leaves_the_images_alone():
    images = torch.ones(2, 1, 4, 4)
    windows = make_windows(images)
    read_windows(windows, torch.tensor([0])).zero_()
    assert images.sum() == windows.buffer.sum() == 32


def test_no_windows():
    windows = make_windows(torch.ones(2, 1, 4, 4))
    assert read_windows(windows, torch.empty(0, dtype=torch.int64)).shape == (0, 1, 4, 4)
