"""Published data sets: opened where they lie, else downloaded; their pictures by file, their labels as sets.

n pictures, c classes, m pairs of a picture and a label.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from torchheads.errors import DataError
from torchheads.images import ImageFiles

NAMED: Final = 3
"""How many of many files a message names."""


def open_published(make: Callable[..., Any], download: bool, name: str, root: Path, files: str) -> Any:
    """A dataset of torchvision as it lies on disk; where it does not, archives are unpacked and the rest downloaded.

    Nothing is printed, hashed twice or asked of the network where the files are there.

    Args:
        make: builds the dataset, given ``download``: whether it may unpack and download.
        download: whether it may.
        name: the data set, for messages.
        root: the folder it was told.
        files: which files belong below ``root``, in words.

    Raises:
        DataError: code D35, with what torchvision said and which files to put where.
    """
    try:
        return make(download=False)
    except Exception as error:  # damaged files make readers raise nearly anything: struct.error, KeyError, zlib.error
        fault = error
    if download:
        try:
            return make(download=True)
        except Exception as error:
            fault = error
    said = " ".join(f"{type(fault).__name__}: {fault}".split())[:300]
    problem = f"{name} cannot be read from {root} ({said}); allowed below it: {files}, as published"
    remedy = "these files there, or the same again with a network" if download else "data.download=true"
    raise DataError("D35", problem, remedy) from fault


def picture_files(root: Path, paths: list[Path]) -> ImageFiles:
    """The picture files of a dataset of torchvision, by their paths below the folder it was told."""
    return ImageFiles(root, [path.relative_to(root).as_posix() for path in paths])


def check_there(name: str, pictures: ImageFiles, skip_bad: int) -> None:
    """Refuse pictures that are named and have no file, before hours are spent on the others; code D15.

    Args:
        name: the data set and its part, for messages.
        pictures: as named by annotations.
        skip_bad: how many may be left out; those are found again, and counted, when they are to be read.
    """
    missing = pictures.missing()
    if len(missing) > skip_bad:
        first = ", ".join(pictures.where(row) for row in missing[:NAMED].tolist())
        problem = f"{len(missing)} of {len(pictures)} pictures of {name} have no file, such as {first}; allowed none"
        remedy = f"all its pictures there, or data.skip_bad={len(missing)} to leave them out"
        raise DataError("D15", problem if skip_bad == 0 else f"{problem} beyond skip_bad={skip_bad}", remedy)


def multi_hot(rows: Int64[Tensor, "m"], labels: Int64[Tensor, "m"], shape: tuple[int, int]) -> Bool[Tensor, "n c"]:
    """Label sets from pairs of row and label, shape ``shape``, bool; a pair that comes twice is one label.

    Example:
        >>> multi_hot(torch.tensor([0, 0, 2]), torch.tensor([1, 1, 0]), (3, 2)).int().tolist()
        [[0, 1], [0, 0], [1, 0]]
    """
    target = torch.zeros(shape, dtype=torch.bool)
    target[rows, labels] = True
    return target
