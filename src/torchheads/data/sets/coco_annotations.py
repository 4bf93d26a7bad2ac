"""The instances of COCO: one JSON file of hundreds of megabytes, of which only numbers and names are kept.

n pictures, c classes, m pairs of a picture and a class.
"""

import json
from array import array
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeGuard

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from torchheads.data.sets.published import multi_hot
from torchheads.errors import DataError

ALLOWED: Final = (
    "allowed lists images (id, file_name), annotations (image_id, category_id) and categories (id, name), as in "
    "instances_val2017.json"
)


class Instances(NamedTuple):
    """File names of the pictures, names of the classes by id, both ascending by id, and the label sets."""

    pictures: tuple[str, ...]
    classes: dict[int, str]
    target: Bool[Tensor, "n c"]


def read_instances(file: Path) -> Instances:
    """Pictures and label sets of a part; a picture without an instance has the empty set.

    An instance that stands for a crowd (``iscrowd``) counts like any other: its class is to be seen.

    Raises:
        DataError: code D35 for a file that is not there, D38, with the position, for what is no such JSON, D39 for an
            instance of a picture or class that the file does not have, or for one id twice.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "instances.json")
        ...     _ = file.write_text('{"images": [{"id": 7, "file_name": "7.jpg"}], "categories": [{"id": 3, "name": '
        ...                         '"car"}], "annotations": [{"image_id": 7, "category_id": 3}]}')
        ...     read_instances(file)
        Instances(pictures=('7.jpg',), classes={3: 'car'}, target=tensor([[True]]))
    """
    found = parsed(file)
    pictures, classes = names_by_id(found, file, "images"), names_by_id(found, file, "categories")
    of_picture, of_class = numbers(found, file, 0), numbers(found, file, 1)
    rows, labels = places(of_picture, pictures, file, "image"), places(of_class, classes, file, "category")
    target = multi_hot(rows, labels, (len(pictures), len(classes)))
    return Instances(tuple(pictures.values()), classes, target)


def parsed(file: Path) -> dict[str, list[Any]]:
    """The three lists of the file, each item of them as a pair.

    Raises:
        DataError: code D35 for a file that is not there, D38 for one without these lists.
    """
    try:
        # Fractions stay text: outlines are full of them, nothing reads them, and that makes it three times as fast.
        found = json.loads(file.read_text(encoding="utf-8-sig"), object_hook=slimmed, parse_float=str)
    except FileNotFoundError as error:
        remedy = "the annotations of COCO unpacked there, or data.root=..."
        raise DataError("D35", f"there is no file {file}; allowed annotations/ beside the pictures", remedy) from error
    except json.JSONDecodeError as error:
        raise refuse(file, f"line {error.lineno} column {error.colno} (character {error.pos}): {error.msg}") from error
    except UnicodeDecodeError as error:
        raise refuse(file, f"byte {error.start} is no UTF-8") from error
    except (OSError, RecursionError) as error:
        raise refuse(file, str(error)) from error
    lists = ("images", "annotations", "categories")
    absent = [key for key in lists if not isinstance(found, dict) or not isinstance(found.get(key), list)]
    if absent:
        raise refuse(file, f"it has no {' and no '.join(absent)}")
    return {key: found[key] for key in lists}


def slimmed(found: dict[str, Any]) -> Any:
    """What is kept of a JSON object as soon as it is read; outlines, which are nearly all of the file, are not."""
    if "image_id" in found:
        return found["image_id"], found.get("category_id")
    if "file_name" in found:
        return found.get("id"), found["file_name"]
    return found


def names_by_id(found: dict[str, list[Any]], file: Path, key: str) -> dict[int, str]:
    """The names in a list by their ids, ascending.

    Raises:
        DataError: code D38 for an item without id or name, D39 for an id that comes twice.
    """
    names: dict[int, str] = {}
    for number, item in enumerate(found[key]):
        id, name = (item.get("id"), item.get("name")) if isinstance(item, dict) else pair(item)
        if not is_id(id) or not isinstance(name, str):
            raise refuse(file, f"item {number} of its {key} has id {id!r} and name {name!r}")
        if id in names:
            raise DataError("D39", f"{file} has id {id} twice among its {key}; allowed once", "an id for each")
        names[id] = name
    return dict(sorted(names.items()))


def numbers(found: dict[str, list[Any]], file: Path, place: int) -> "array[int]":
    """The ids of pictures (place 0) or of classes (1) of all annotations; code D38 for what is no whole number."""
    try:
        return array("q", (item[place] for item in found["annotations"]))
    except (TypeError, KeyError, IndexError, OverflowError):
        first = next(number for number, item in enumerate(found["annotations"]) if not is_id(pair(item)[place]))
        raise refuse(file, f"item {first} of its annotations lacks a number image_id or category_id") from None


def is_id(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number of 64 bits, as an id must be."""
    return type(value) is int and -(2**63) <= value < 2**63


def pair(item: Any) -> tuple[Any, Any]:
    """An item as it was slimmed; a pair of None where it was something else."""
    return item if isinstance(item, tuple) else (None, None)


def places(ids: "array[int]", known: dict[int, str], file: Path, what: str) -> Int64[Tensor, "m"]:
    """Where each id stands among the known ones, which are ascending; code D39 for one that does not."""
    wanted, ascending = np.frombuffer(ids, np.int64), np.array(list(known), np.int64)
    found = np.searchsorted(ascending, wanted)
    strange = np.flatnonzero(~np.isin(wanted, ascending))
    if len(strange):
        problem = f"{len(strange)} annotations of {file} have an {what}_id that is none of its own, such as annotation"
        problem += f" {strange[0]} with {wanted[strange[0]]}"
        raise DataError("D39", f"{problem}; allowed those of its lists", "a file whose lists belong together")
    return torch.from_numpy(found.astype(np.int64))


def refuse(file: Path, reason: str) -> DataError:
    """The error of a file that does not hold instances."""
    return DataError("D38", f"{file} cannot be read as COCO instances: {reason}; {ALLOWED}", "the file as published")
