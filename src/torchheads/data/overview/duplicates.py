"""Rows that come twice: inside a split, and in two splits, which makes a test say more than is true.

n rows.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Shaped, UInt64
from torch import Tensor

from torchheads.data.functional.digests import Repeats, digest, repeats_between, repeats_within, row_digests
from torchheads.errors import DataError
from torchheads.images import Pictures

PICTURES = 100_000
"""Pictures in files that are compared at most; those of the held-out splits come first."""

KINDS = {4: "pixels as the model sees them", 2: "values of the features"}
"""What is compared where inputs are in memory, by their number of axes."""


class Keys(NamedTuple):
    """What the rows of a split are compared by.

    ``rows`` are those that are compared, shape (n,), and ``inputs`` and ``labels`` a digest of each; ``blank`` counts
    the rows in memory that hold one value everywhere, which say nothing and are not compared.
    """

    rows: Tensor
    inputs: UInt64[np.ndarray, "n"]
    labels: UInt64[np.ndarray, "n"]
    blank: int


def duplicate_record(inputs: Mapping[str, Tensor | Pictures], labels: Mapping[str, Tensor]) -> dict[str, Any]:
    """What was compared, and what was found inside each split and between each two.

    Args:
        inputs: by split; images or features in memory, or pictures in files, which are read.
        labels: one row of numbers an example, by split; rows that are equal have the same labels.

    Example:
        >>> inputs = {"train": torch.tensor([[1.0, 0.0], [2.0, 0.0], [1.0, 0.0]]), "test": torch.tensor([[2.0, 0.0]])}
        >>> record = duplicate_record(inputs, {name: torch.zeros_like(rows) for name, rows in inputs.items()})
        >>> record["within"]["train"]["rows"], record["between"][0]["rows"], record["between"][0]["examples"]
        (1, 1, [[1, 0]])
    """
    keys = split_keys(inputs, labels)
    first = inputs["train"]
    return {
        "compared": KINDS.get(first.ndim, "values") if isinstance(first, Tensor) else "contents of the files",
        "blank": {name: key.blank for name, key in keys.items()},
        "left_out": {name: len(inputs[name]) - len(key.rows) - key.blank for name, key in keys.items()},
        "within": {name: record_of(repeats_within(*key[1:3]), key.rows, key.rows) for name, key in keys.items()},
        "between": [
            {"split": one, "other": other}
            | record_of(repeats_between(*keys[one][1:3], *keys[other][1:3]), keys[one].rows, keys[other].rows)
            for one, other in combinations(keys, 2)
        ],
    }


def record_of(found: Repeats, rows: Tensor, other_rows: Tensor) -> dict[str, Any]:
    """Repeats as plain values, with the numbers that the rows have in their splits."""
    examples = [[int(rows[one]), int(other_rows[other])] for one, other in found.examples]
    return {"rows": found.rows, "relabelled": found.relabelled, "examples": examples}


def split_keys(inputs: Mapping[str, Tensor | Pictures], labels: Mapping[str, Tensor]) -> dict[str, Keys]:
    """The keys of each split; of pictures in files those of the held-out splits first, until there are enough."""
    left, keys = PICTURES, {}
    for name in sorted(inputs, key=lambda name: name == "train"):
        here, total, blank = inputs[name], len(inputs[name]), 0
        if isinstance(here, Pictures):
            count = min(total, left)
            left -= count
            rows, digests = picture_digests(here, torch.arange(count) * total // max(count, 1))  # spread evenly
        else:
            rows = varied(here).nonzero().flatten()
            digests, blank = row_digests(here[rows]), total - len(rows)
        keys[name] = Keys(rows, digests, row_digests(labels[name][rows]), blank)
    return {name: keys[name] for name in inputs}


def varied(rows: Shaped[Tensor, "n ..."]) -> Bool[Tensor, "n"]:
    """Which rows hold more than one value; each of those that have room for one only.

    Example:
        >>> varied(torch.tensor([[0, 0], [0, 1]])).tolist(), varied(torch.tensor([[0], [1]])).tolist()
        ([False, True], [True, True])
    """
    values = rows.flatten(1)
    return (values != values[:, :1]).any(dim=1) if values.shape[1] > 1 else torch.ones(len(rows), dtype=torch.bool)


def picture_digests(pictures: Pictures, rows: Tensor) -> tuple[Tensor, UInt64[np.ndarray, "n"]]:
    """Digests of pictures in files, read by several threads; those that cannot be read are left out."""
    with ThreadPoolExecutor(torch.get_num_threads(), "digest") as pool:
        found = list(pool.map(lambda row: picture_digest(pictures, row), rows.tolist()))
    good = [place for place, value in enumerate(found) if value is not None]
    return rows[good], np.array([found[place] for place in good], dtype=np.uint64)


def picture_digest(pictures: Pictures, row: int) -> int | None:
    """The digest of a picture's file, or of its pixels where it has none; None for what is no picture."""
    try:
        with pictures.open(row) as picture:
            file = getattr(picture, "filename", "")
            content = Path(file).read_bytes() if file else f"{picture.mode}{picture.size}".encode() + picture.tobytes()
    except (DataError, OSError):
        return None
    return digest(content)
