"""Canvases: a square grid of cells, some of them filled with a random source image, and what is on them as targets.

n canvases, s source images, g cells a side, q = g x g cells of a canvas, h height, w width, c classes.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from torchheads.data.functional.keyed import Stream, keyed_bits, keyed_integers


def canvas_sources(
    num_canvases: int, num_sources: int, grid: int, count: tuple[int, int], key: tuple[int, int]
) -> Int64[Tensor, "n q"]:
    """Which source image fills each cell of each canvas, -1 for an empty cell.

    The number of filled cells is uniform over ``count``, the cells are a uniform subset, and every filled cell draws
    its source on its own, so one class, and even one source, may come twice.

    Args:
        num_canvases: number of canvases N.
        num_sources: number of source images S to draw from.
        grid: cells a side.
        count: lowest and highest number of filled cells, 0..grid x grid.
        key: (split_seed, number of the split); a canvas is a function of its key and its index alone.

    Returns:
        Source ids 0..S-1 or -1, shape (N, grid x grid), int64.

    Example:
        >>> sources = canvas_sources(1000, 50, grid=2, count=(0, 4), key=(0, 0))
        >>> (sources >= 0).sum(dim=1).unique().tolist()
        [0, 1, 2, 3, 4]
    """
    low, high = count
    canvas = torch.arange(num_canvases)
    cell = torch.arange(num_canvases * grid**2).view(num_canvases, grid**2)
    filled = low + keyed_integers(*key, Stream.CANVAS_COUNT, canvas, high - low + 1)
    rank_of_cell = keyed_bits(*key, Stream.CANVAS_CELL, cell).argsort(dim=1).argsort(dim=1)
    source = keyed_integers(*key, Stream.CANVAS_SOURCE, cell, num_sources)
    return torch.where(rank_of_cell < filled[:, None], source, -1)


def compose_canvases(images: UInt8[Tensor, "s 1 h w"], sources: Int64[Tensor, "n q"]) -> UInt8[Tensor, "n 1 gh gw"]:
    """Draw canvases: each cell shows its source image, an empty cell is black.

    Args:
        images: source images, shape (S, 1, h, w), uint8.
        sources: from `canvas_sources`, shape (N, g x g), int64.

    Returns:
        Canvases, shape (N, 1, g x h, g x w), uint8.
    """
    grid = round(sources.shape[1] ** 0.5)
    tiles = F.pad(images[:, 0], (0, 0, 0, 0, 0, 1))[sources]  # -1 is the last image: the black one that pad adds
    count, _, height, width = tiles.shape
    in_place = tiles.view(count, grid, grid, height, width).transpose(2, 3)
    return in_place.reshape(count, 1, grid * height, grid * width)


def label_sets(target: Int64[Tensor, "s"], sources: Int64[Tensor, "n q"], num_classes: int) -> Bool[Tensor, "n c"]:
    """The classes on each canvas as a multi-hot; a class that comes twice counts once, an empty canvas has none.

    Args:
        target: class indices of the source images, shape (S,), int64.
        sources: from `canvas_sources`, shape (N, g x g), int64.
        num_classes: number of classes C.

    Returns:
        Multi-hot, shape (N, C), bool.

    Example:
        >>> label_sets(torch.tensor([2, 0]), torch.tensor([[0, -1, 0, 1], [-1, -1, -1, -1]]), 3).int()
        tensor([[1, 0, 1],
                [0, 0, 0]], dtype=torch.int32)
    """
    classes = torch.where(sources >= 0, target[sources], num_classes)  # empty cells fill a column that is cut off
    return torch.zeros(len(sources), num_classes + 1, dtype=torch.bool).scatter_(1, classes, True)[:, :num_classes]


def first_cells(target: Int64[Tensor, "s"], sources: Int64[Tensor, "n q"], empty: int) -> Int64[Tensor, "n"]:
    """The class in the first cell of each canvas, which is the one top left.

    Args:
        target: class indices of the source images, shape (S,), int64.
        sources: from `canvas_sources`, shape (N, g x g), int64.
        empty: the class index of an empty cell.

    Returns:
        Class indices, shape (N,), int64.

    Example:
        >>> first_cells(torch.tensor([2, 0]), torch.tensor([[0, -1, 0, 1], [-1, 1, -1, -1]]), empty=3)
        tensor([2, 3])
    """
    return torch.where(sources[:, 0] >= 0, target[sources[:, 0]], empty)
