"""Rows that are the same, found by 64 bits of each: of a million, two others look the same once in 37 million cases.

n rows, m rows of another split.
"""

from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped, UInt64
from torch import Tensor

SHOWN = 3
"""Examples that are given of what was found."""
BLOCK = 1024
"""Rows that are copied at once."""


class Repeats(NamedTuple):
    """Rows that are in a split already, or in another one.

    Args:
        rows: how many; of rows that are all the same each but the first.
        relabelled: how many of them have other labels than the row they repeat.
        examples: up to three pairs: the row repeated, and the row that repeats it.
    """

    rows: int
    relabelled: int
    examples: list[tuple[int, int]]


def row_digests(rows: Shaped[Tensor, "n ..."]) -> UInt64[np.ndarray, "n"]:
    """A digest of the bytes of each row, shape (N,), uint64.

    Example:
        >>> import torch
        >>> first, second, third = row_digests(torch.tensor([[1, 2], [2, 1], [1, 2]]))
        >>> bool(first == third), bool(first == second)
        (True, False)
    """
    starts = range(0, len(rows), BLOCK)
    blocks = (rows[start : start + BLOCK].contiguous().numpy() for start in starts)  # a whole copy might be too large
    return np.fromiter((digest(row) for block in blocks for row in block), dtype=np.uint64, count=len(rows))


def digest(content: Any) -> int:
    """64 bits of a content: bytes, or an array whose values lie one after the other.

    Example:
        >>> digest(b"a") == digest(b"b")
        False
    """
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def repeats_within(digests: UInt64[np.ndarray, "n"], labels: UInt64[np.ndarray, "n"]) -> Repeats:
    """Rows that an earlier row of the split is equal to.

    Args:
        digests: of the inputs.
        labels: of the targets.

    Example:
        >>> repeats_within(np.array([7, 8, 7, 7], dtype=np.uint64), np.array([1, 1, 1, 2], dtype=np.uint64))
        Repeats(rows=2, relabelled=1, examples=[(0, 2), (0, 3)])
    """
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    original = first[group]
    return _repeats(original, np.flatnonzero(original != np.arange(len(digests))), labels, labels)


def repeats_between(
    digests: UInt64[np.ndarray, "n"],
    labels: UInt64[np.ndarray, "n"],
    others: UInt64[np.ndarray, "m"],
    other_labels: UInt64[np.ndarray, "m"],
) -> Repeats:
    """Rows of another split that are in this one too; pairs are a row of this split and one of the other.

    Example:
        >>> train, test = np.array([7, 8], dtype=np.uint64), np.array([9, 8, 8], dtype=np.uint64)
        >>> repeats_between(train, np.zeros_like(train), test, np.zeros_like(test))
        Repeats(rows=2, relabelled=0, examples=[(1, 1), (1, 2)])
    """
    values, first = np.unique(digests, return_index=True)
    if len(values) == 0:
        return Repeats(0, 0, [])
    place = np.searchsorted(values, others).clip(max=len(values) - 1)
    return _repeats(first[place], np.flatnonzero(values[place] == others), labels, other_labels)


def _repeats(
    original: Shaped[np.ndarray, "m"],
    rows: Shaped[np.ndarray, "k"],
    labels: UInt64[np.ndarray, "n"],
    other_labels: UInt64[np.ndarray, "m"],
) -> Repeats:
    relabelled = int((labels[original[rows]] != other_labels[rows]).sum())
    return Repeats(len(rows), relabelled, [(int(original[row]), int(row)) for row in rows[:SHOWN]])
