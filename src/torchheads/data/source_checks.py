"""What is refused or warned of in a data set, whatever it was read from: its names, and its parts against each other.

n examples, c classes.
"""

import os
from collections.abc import Mapping
from itertools import combinations

from torch import Tensor

from torchheads.data.source import Examples, Source
from torchheads.errors import DataError, TargetError, warn
from torchheads.images import ImageFiles


def check_names(name: str, class_names: tuple[str, ...]) -> None:
    """Refuse classes of one name, or of none; code D07.

    Example:
        >>> check_names("pets", ("cat", "dog"))
    """
    seen: set[str] = set()
    for position, label in enumerate(class_names):
        if not label.strip() or label in seen:
            fault = "twice" if label.strip() else "without a name"
            problem = f"class {position} of {name} is {label!r}, {fault}; allowed names that differ, none empty"
            raise DataError("D07", problem, "another name for it")
        seen.add(label)


def check_overlap(name: str, parts: Mapping[str, Examples]) -> None:
    """Refuse a picture file that is in two parts; code D04, with how many and three of them."""
    files = {
        part: set(map(os.path.normpath, examples.input.paths))
        for part, examples in parts.items()
        if isinstance(examples.input, ImageFiles)
    }
    for (one, paths), (other, others) in combinations(files.items(), 2):
        if both := sorted(paths & others):
            problem = f"{len(both)} pictures of {name} are in {one} and in {other}, such as {', '.join(both[:3])}"
            remedy = "one row a picture and each in one split, or data.allow_overlap=true"
            raise DataError("D04", f"{problem}; allowed none", remedy)


def check_offset(name: str, source: Source, label_offset: int) -> None:
    """Refuse class indices that begin at another number than ``label_offset`` says; label sets have no numbers.

    Raises:
        TargetError: codes T01 and T02, where another offset would do, naming it.
        DataError: code D11, for an offset of label sets.
    """
    if source.label_type == "single":
        check_numbers(name, source, label_offset)
    elif label_offset:
        problem = f"label_offset={label_offset}; allowed 0, since {name} has label sets and no class numbers"
        raise DataError("D11", problem, "data.label_offset=0")


def check_numbers(name: str, source: Source, label_offset: int) -> None:
    """Refuse class indices that all lie within another run of numbers than the one from ``label_offset``."""
    classes = len(source.class_names)
    low = min(int(part.target.min()) for part in source.parts.values() if len(part.target))
    high = max(int(part.target.max()) for part in source.parts.values() if len(part.target))
    if (label_offset <= low and high < label_offset + classes) or high - low >= classes:
        return
    code = "T01" if high >= label_offset + classes else "T02"
    problem = f"{name} has class numbers {low}..{high}; allowed {label_offset}..{label_offset + classes - 1}"
    raise TargetError(code, problem, f"data.label_offset={low}, if its {classes} classes start there")


def warn_of_unseen(name: str, source: Source) -> None:
    """Warn of classes that a held-out part has and the training part has not; code W04, by name."""
    in_train = present(source.parts["train"], len(source.class_names))
    for part, examples in source.parts.items():
        unseen = present(examples, len(source.class_names)) & ~in_train
        if unseen.any():
            names = [source.class_names[label] for label in unseen.nonzero().flatten().tolist()]
            shown = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
            problem = (
                f"{len(names)} classes of {name} are in {part} and not in train, so nothing is learnt of them: {shown}"
            )
            warn("W04", problem, "training rows of these classes")


def present(examples: Examples, num_classes: int) -> Tensor:
    """Which classes any example has, shape (c,), bool."""
    if examples.target.ndim == 2:
        known = examples.target if examples.mask is None else examples.target & examples.mask
        return known.any(dim=0)
    inside = examples.target[(examples.target >= 0) & (examples.target < num_classes)]
    return inside.bincount(minlength=num_classes) > 0
