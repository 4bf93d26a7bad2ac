"""The targets of files of features that belong together, by one list of classes.

n examples, c classes.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

import numpy as np
import torch

from torchheads.errors import DataError, warn
from torchheads.tables.features import Features, described
from torchheads.tables.label_columns import Labels, class_list, found_classes
from torchheads.tables.table import listed

MOST_CLASSES: Final = 1_000_000
"""A class index beyond it, in data without class names, is taken for a mistake."""


def labels_of(files: Sequence[Features], class_names: Sequence[str] | None, label_offset: int = 0) -> list[Labels]:
    """The labels of each file; indices stay as they are in it.

    Args:
        files: one for each split, or one for all.
        class_names: as typed; None takes those of the files, else those found.
        label_offset: the number of the first class, where targets are indices.

    Raises:
        DataError: code D05 for classes in another order than in the first file, D07 for one class alone, D22 for a name
            that is no class, D23 for files or class names that do not fit each other.
    """
    check_together(files)
    names = common_names(files, class_names)
    first = files[0].target
    if first.ndim == 2:
        names = names or tuple(map(str, range(first.shape[1])))
        return [multi_hot(file, names) for file in files]
    if first.dtype.kind == "U":
        found = {str(name).strip() for file in files for name in np.unique(file.target)} - {""}
        names = names or found_classes(found, str(files[0].path))
        return [by_name(file, names) for file in files]
    names = names or numbered(files, label_offset)
    return [Labels(torch.from_numpy(file.target.astype(np.int64)), None, names) for file in files]


def check_together(files: Sequence[Features]) -> None:
    """Refuse files of another width or another kind of target than the first; code D23."""
    first = files[0]
    for file in files[1:]:
        (width, kind), (wanted, wanted_kind) = (
            (each.features.shape[1], (each.target.shape[1:], each.target.dtype.kind == "U")) for each in (file, first)
        )
        if width != wanted:
            problem = f"{file.path}: {width} features, {first.path} has {wanted}; allowed one number"
            raise DataError("D23", problem, "features of one model in all files")
        if kind != wanted_kind:
            problem = (
                f"{file.path}: target is {described(file.target)}, in {first.path} it is {described(first.target)}"
            )
            raise DataError("D23", f"{problem}; allowed one kind", "targets of one kind in all files")


def common_names(files: Sequence[Features], class_names: Sequence[str] | None) -> tuple[str, ...] | None:
    """The class names on which the option and all files agree; None when there are none; code D05 where they differ."""
    given = [("data.class_names", class_list(class_names))] if class_names is not None else []
    given += [(str(file.path), file.class_names) for file in files if file.class_names is not None]
    for where, names in given[1:]:
        first, wanted = given[0]
        if names != wanted:
            what = "the same classes in another order" if sorted(names) == sorted(wanted) else "other classes"
            pairs = enumerate(zip_longest(names, wanted))
            place, (here, there) = next((place, pair) for place, pair in pairs if pair[0] != pair[1])
            problem = f"{where} has {what} than {first}: class {place} is {here!r}, not {there!r}"
            remedy = "the targets of all files made anew with one list of classes"
            raise DataError("D05", f"{problem}; allowed one list in one order", remedy)
    return given[0][1] if given else None


def multi_hot(file: Features, names: tuple[str, ...]) -> Labels:
    """A target with a column a class; code D23 when the columns are not as many as the names."""
    if len(names) != file.target.shape[1]:
        problem = (
            f"{file.path}: target has {file.target.shape[1]} columns for {len(names)} class names, {listed(names)}"
        )
        raise DataError("D23", f"{problem}; allowed one column a class", "one name a column")
    known = torch.from_numpy(file.target == file.target)
    return Labels(torch.from_numpy(file.target == 1), None if known.all() else known, names)


def by_name(file: Features, names: tuple[str, ...]) -> Labels:
    """A target of names; code D22 for one that is no class, D07 when there is one class."""
    places = {name: place for place, name in enumerate(names)}
    texts, codes = np.unique(np.char.strip(file.target), return_inverse=True)
    found = np.array([places.get(str(text), -1) for text in texts], np.int64)[codes]
    if (found < 0).any():
        row = int((found < 0).argmax())
        problem = f"{file.path}: target[{row}] is {str(file.target[row])!r}; allowed {listed(names)}"
        raise DataError("D22", problem, "one of them, or this name in data.class_names too")
    if len(names) < 2:
        problem = f"{file.path}: one class, {names[0]!r}, in every row"
        raise DataError("D07", f"{problem}; allowed two or more", "rows of other classes")
    return Labels(torch.from_numpy(found), None, names)


def numbered(files: Sequence[Features], label_offset: int) -> tuple[str, ...]:
    """Names of classes that are known by number alone, from the first number to the largest there is."""
    largest = max(int(file.target.max()) for file in files)
    if not label_offset < largest < MOST_CLASSES:
        places = [(file, int(file.target.argmax())) for file in files if file.target.max() == largest]
        file, row = places[0]
        problem = f"{file.path}: the largest class index is {largest}, target[{row}]"
        allowed = f"allowed more than {label_offset}, the number of the first class, and less than {MOST_CLASSES:,}"
        raise DataError("D07", f"{problem}; {allowed} without class names", "class_names, or targets of two classes")
    smallest = min(int(file.target.min()) for file in files)
    if label_offset == 0 < smallest:
        problem = f"{files[0].path}: classes are numbered from {smallest}, and nothing is learnt of those below"
        warn("W02", problem, f"data.label_offset={smallest}, or class_names of all classes there are")
    return tuple(map(str, range(label_offset, largest + 1)))
