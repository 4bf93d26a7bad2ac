"""Features and their targets out of a file of arrays, checked: names, shapes, types, and that every number is finite.

n examples, c classes, d features.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from torchheads.errors import DataError
from torchheads.tables.arrays import Arrays, read_arrays
from torchheads.tables.label_columns import class_list
from torchheads.tables.table import listed


class Features(NamedTuple):
    """One file: features (n, d), float32; targets as they are in the file; words of splits; names of classes."""

    path: Path
    features: Float[Tensor, "n d"]
    target: NDArray[Any]
    split: NDArray[np.str_] | None
    class_names: tuple[str, ...] | None

    @property
    def label_type(self) -> Literal["single", "multi"]:
        """Multi-label where the target has a column a class."""
        return "multi" if self.target.ndim == 2 else "single"


def read_features(path: Path) -> Features:
    """A file with the arrays ``features`` (N, D) and ``target`` (N,) or (N, C), maybe ``split`` and ``class_names``.

    Raises:
        DataError: code D10 for a file that cannot be read; D23 for an array that is missing, of another shape or type,
            or holds what is no finite number, with its place.
    """
    arrays = read_arrays(path)
    features = checked_features(path, required(path, arrays, "features"))
    target = checked_target(path, required(path, arrays, "target"), len(features))
    names, split = arrays.get("class_names"), arrays.get("split")
    if split is not None and (split.shape != (len(features),) or split.dtype.kind != "U"):
        problem = f"{path}: split is {described(split)}; allowed one text for each of {len(features)} rows"
        raise DataError("D23", problem, 'numpy.array(["train", "test", ...])')
    if names is not None and (names.ndim != 1 or names.dtype.kind not in "Uiu"):
        raise DataError("D23", f"{path}: class_names are {described(names)}; allowed one text a class", "class names")
    return Features(path, features, target, split, None if names is None else class_list(names.tolist()))


def required(path: Path, arrays: Arrays, name: str) -> NDArray[Any]:
    """An array by name; code D23 when the file has none of that name."""
    if name not in arrays:
        wanted = name == "features"  # which alone is a matrix of floating-point numbers
        likely = [other for other, array in arrays.items() if (array.ndim == 2 and array.dtype.kind == "f") == wanted]
        near = get_close_matches(name, set(likely) - {"features", "target", "split", "class_names"}, n=1, cutoff=0)
        problem = f"{path}: no array {name!r}; it has {listed(arrays) or 'none'}"
        remedy = f"numpy.savez(path, {name}={near[0] if near else name}, ...)"
        raise DataError("D23", f"{problem}, allowed features and target, split and class_names if you like", remedy)
    return arrays[name]


def checked_features(path: Path, features: NDArray[Any]) -> Float[Tensor, "n d"]:
    """Features of shape (N, D) as float32, all of them finite; code D23."""
    if features.ndim != 2 or 0 in features.shape:
        problem = f"{path}: features are {described(features)}; allowed shape (N, D), one row an example"
        raise DataError("D23", problem, "features.reshape(len(features), -1)")
    if features.dtype.kind != "f":
        problem = f"{path}: features are {described(features)}; allowed floating point"
        raise DataError("D23", problem, "features.astype(numpy.float32)")
    with np.errstate(over="ignore"):
        tensor = torch.from_numpy(np.array(features, np.float32))
    bad = ~tensor.isfinite().all(dim=1)
    if bad.any():
        row = int(bad.int().argmax())
        place = int((~tensor[row].isfinite()).int().argmax())
        problem = f"{path}: features[{row}, {place}] is {features[row, place]}, in one of {int(bad.sum())} such rows"
        raise DataError("D23", f"{problem}; allowed finite numbers of float32", "a look at how the features were made")
    return tensor


def checked_target(path: Path, target: NDArray[Any], rows: int) -> NDArray[Any]:
    """Class indices or names of shape (N,), or a multi-hot of shape (N, C) in which NaN is unknown; code D23."""
    if target.ndim not in (1, 2) or len(target) != rows or 0 in target.shape:
        problem = f"{path}: target is {described(target)} for {rows} rows of features"
        raise DataError("D23", f"{problem}; allowed ({rows},) or ({rows}, C)", "one target a row of features")
    if target.ndim == 1 and target.dtype.kind not in "iuU":
        remedy = "target.astype(numpy.int64) for classes, target[:, None] for one label that is there or not"
        raise DataError("D23", f"{path}: target is {described(target)}; allowed class indices or names", remedy)
    if target.ndim == 2 and target.dtype.kind not in "biuf":
        raise DataError("D23", f"{path}: target is {described(target)}; allowed 0 and 1", "a multi-hot of 0 and 1")
    if target.ndim == 2:
        wrong = (target != 0) & (target != 1) & (target == target)
        if wrong.any():
            row, place = np.argwhere(wrong)[0].tolist()
            problem = f"{path}: target[{row}, {place}] is {target[row, place]}; allowed 0, 1, or NaN where unknown"
            raise DataError("D23", problem, "a multi-hot of 0 and 1, or class indices of shape (N,)")
    return target


def described(array: NDArray[Any]) -> str:
    """Type and shape.

    Example:
        >>> described(np.zeros((2, 3), np.int64))
        'int64 of shape (2, 3)'
    """
    kind = "text" if array.dtype.kind == "U" else str(array.dtype)
    return f"{kind} of shape {array.shape}"
