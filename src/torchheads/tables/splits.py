"""The rows of each split, by the words that people use for them.

n rows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from torch import Tensor

from torchheads.errors import DataError
from torchheads.tables.label_columns import REJECTED, check_cells, coded
from torchheads.tables.table import Table

NAMES: Final = ("train", "val", "calibration", "test")
SPLITS: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("calibration", "calib", "cal"), "calibration"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a split may be called, in small letters, and its name here."""

ALLOWED: Final = "train, val, calibration or test"
EXAMPLE: Final = "data.path={train: a.csv, test: b.csv}"

Rows = dict[str, Int64[Tensor, "n"]]


def read_splits(table: Table, name: str) -> Rows:
    """The rows of each split that a column names.

    Raises:
        DataError: code D22 for a word that names no split, or an empty cell; D01 when none is for training.
    """
    column = table.column(name, "data.columns.split")
    codes = coded(column, place_of)
    remedy = f"one of these, or data.columns.ignore=[{name}] if {name} holds no splits"
    check_cells(table, column, codes, ALLOWED, remedy)
    return rows_by_code(codes, table.where_names(name))


def splits_of(words: NDArray[np.str_], where: str) -> Rows:
    """The rows of each split that an array of words names, shape (N,).

    Raises:
        DataError: code D22 for a word that names no split; D01 when none is for training.

    Example:
        >>> splits_of(np.array(["train", "valid"]), "a.npz")
        {'train': tensor([0]), 'val': tensor([1])}
    """
    texts, choice = np.unique(words, return_inverse=True)
    codes = np.array([place_of(str(text).strip()) for text in texts])[choice]
    if (codes == REJECTED).any():
        row = int((codes == REJECTED).argmax())
        raise DataError("D22", f"{where}[{row}] is {str(words[row])!r}; allowed {ALLOWED}", "one of these")
    return rows_by_code(codes, where)


def place_of(word: str) -> int:
    """Place of a split among `NAMES`, or `REJECTED`."""
    name = SPLITS.get(word.lower())
    return REJECTED if name is None else NAMES.index(name)


def rows_by_code(codes: NDArray[Any], where: str) -> Rows:
    """The rows of each split that has any; code D01 when train has none."""
    rows = {split: torch.from_numpy(np.flatnonzero(codes == place)) for place, split in enumerate(NAMES)}
    if not len(rows["train"]):
        raise DataError(
            "D01", f"{where}: no row is of the split train; allowed 1 row or more", "train there for some rows"
        )
    return {split: ids for split, ids in rows.items() if len(ids)}


def rows_of_files(table: Table, splits: Mapping[str, Any]) -> Rows:
    """The rows of each split where every split has a file of its own, in the order of the table's files."""
    return {name: torch.arange(*table.starts[place : place + 2]) for place, name in enumerate(splits)}


def files_by_split(path: str | Mapping[str, str]) -> dict[str, Path]:
    """The file of each split out of ``data.path``; one file for all is that of train.

    Raises:
        DataError: code D22, for a name that is no split or two that are the same; D01 when none is for training.

    Example:
        >>> list(files_by_split({"train": "a.csv", "valid": "b.csv"}))
        ['train', 'val']
    """
    if not isinstance(path, Mapping):
        return {"train": Path(path).expanduser()}
    files: dict[str, Path] = {}
    for word, file in path.items():
        name = SPLITS.get(str(word).lower())
        if name is None or name in files:
            problem = f"data.path has a file for {word!r}" + (", a second one" if name else "")
            raise DataError("D22", f"{problem}; allowed one each for {', '.join(NAMES)}", EXAMPLE)
        files[name] = Path(file).expanduser()
    if "train" not in files:
        raise DataError("D01", f"data.path has no file for train, but for {', '.join(files)}", EXAMPLE)
    return files
