"""Picture files of one folder, by relative path: none is opened that lies outside, none that is no plain file.

n files, m rows chosen.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

import torch
from jaxtyping import Int64
from PIL import Image
from torch import Tensor

from torchheads.errors import DataError
from torchheads.images.base import Pictures
from torchheads.images.faults import check_header, faults_named, unreachable, unreadable
from torchheads.images.missing import missing_rows

SUFFIXES: Final = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"),
    *(".jp2", ".avif"),
)
"""How the name of a picture file ends, in small or capital letters."""


@final
class ImageFiles(Pictures):
    """Picture files of a folder; nothing but the folder is looked at before a file is opened.

    Use it for tables that name files; `DatasetPictures` is the sibling for datasets that open theirs themselves. Links
    are followed where they stay inside the folder.

    Args:
        root: the folder; no file outside it is ever opened.
        paths: each relative to ``root``; ``/`` between folders.
        rows: number of each in the table it was named in, shape (N,), for messages; None counts from 0.

    Raises:
        DataError: code D15 for a root that is no folder, D16 for a path that leaves it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     Image.new("L", (8, 8)).save(f"{root}/a.png")
        ...     files = ImageFiles(root, ["a.png", "b.png"])
        ...     with files.open(0) as picture:
        ...         picture.size, files.missing()
        ((8, 8), tensor([1]))
    """

    def __init__(self, root: str | Path, paths: Sequence[str], rows: Int64[Tensor, "n"] | None = None) -> None:
        self.root = Path(root)
        self.paths = paths
        self.rows = torch.arange(len(paths)) if rows is None else rows
        self._real_root = os.path.realpath(root)
        self._real_folders: dict[str, str] = {}
        if not os.path.isdir(self._real_root):
            raise DataError("D15", f"{root} is no folder; allowed the folder of the pictures", "data.root=images")
        for row, path in enumerate(paths):
            # The first three look for what may leave, over a million paths in a moment; few need the careful look.
            if (path[:1] in ("/", "\\") or ".." in path or ":" in path) and leaves_its_folder(path):
                raise self._outside(row)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self.paths)

    def open(self, row: int) -> Image.Image:
        """A picture whose header was read; see `Pictures.open`.

        Raises:
            DataError: code D15 for a file that is missing, is none or may not be read, D16 for a link that leads out
                of the folder, D17 for too many pixels, D09 for what is no picture.
        """
        where = self.where(row)
        with faults_named(where):
            file = self._real_file(row)
            status = os.stat(file)
            if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for ever
                raise unreachable(where, "a folder" if stat.S_ISDIR(status.st_mode) else "no plain file")
            if status.st_size == 0:
                raise unreadable(where, "0 bytes")
            picture = Image.open(file)
            try:
                check_header(picture, where)
            except DataError:
                picture.close()
                raise
            return picture

    def where(self, row: int) -> str:
        """Path and row, ``images/cat.jpg (row 7)``."""
        path = str(self.root / self.paths[row])
        return f"{path if path.isprintable() else repr(path)} (row {int(self.rows[row])})"

    def select(self, rows: Int64[Tensor, "m"]) -> "ImageFiles":
        """The files of some rows, in that order."""
        chosen = object.__new__(ImageFiles)  # the paths were checked
        chosen.root, chosen._real_root, chosen._real_folders = self.root, self._real_root, self._real_folders
        chosen.paths = [self.paths[row] for row in rows.tolist()]
        chosen.rows = self.rows[rows]
        return chosen

    def missing(self) -> Int64[Tensor, "m"]:
        """Rows whose file does not exist, ascending; each folder is listed once, so a million files take seconds."""
        return torch.tensor(missing_rows(self._real_root, self.paths), dtype=torch.int64)

    def _real_file(self, row: int) -> str:
        """The file without links; its folder is looked at once, as many files lie in one."""
        folder, name = os.path.split(self.paths[row])
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(os.path.join(self._real_root, folder))
        file = os.path.join(self._real_folders[folder], name)
        real = os.path.realpath(file) if os.path.islink(file) else file
        if not is_inside(real, self._real_root):
            raise self._outside(row)
        return real

    def _outside(self, row: int) -> DataError:
        problem = f"{self.where(row)} leaves the folder {self.root}; allowed files inside it, it was not opened"
        return DataError("D16", problem, "paths relative to data.root, or data.root=... with a folder that holds all")


def leaves_its_folder(path: str) -> bool:
    """Whether a path is absolute or climbs out by ``..``, links aside.

    Example:
        >>> [leaves_its_folder(path) for path in ("a/../b.png", "../b.png", "/b.png")]
        [False, True, True]
    """
    first = os.path.normpath(path).replace("\\", "/").split("/")[0]
    return os.path.isabs(path) or bool(os.path.splitdrive(path)[0]) or first == os.pardir


def is_inside(file: str, folder: str) -> bool:
    """Whether a real path lies below a real folder."""
    return file.startswith(os.path.join(folder, ""))
