"""Stratified splits by rank: rows sorted by class, in keyed order inside a class, are dealt out at even distances.

n rows, m rows of one split.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Int64
from torch import Tensor

from torchheads.data.functional.keyed import Stream, keyed_bits


def stratified_split(
    target: Int64[Tensor, "n"], sizes: Mapping[str, int], split_seed: int, rest: str
) -> dict[str, Int64[Tensor, "m"]]:
    """Disjoint row ids for each split; every class is spread over the splits in proportion, within one row a split.

    Args:
        target: class indices, shape (N,), int64.
        sizes: number of rows of each split but ``rest``; their sum is at most N.
        split_seed: which rows go where; the same seed gives the same split on every machine.
        rest: name of the split that gets what is left.

    Returns:
        Row ids in ascending order by name of split, each of shape (M,), int64; ``rest`` first.

    Example:
        >>> rows = stratified_split(torch.tensor([0, 1] * 6), {"test": 4}, split_seed=0, rest="train")
        >>> {name: len(ids) for name, ids in rows.items()}
        {'train': 8, 'test': 4}
    """
    shuffled = keyed_bits(split_seed, 0, Stream.SPLIT, torch.arange(len(target))).argsort()
    left = shuffled[target[shuffled].argsort(stable=True)]
    parts = {}
    for name, size in sizes.items():
        chosen = torch.zeros(len(left), dtype=torch.bool)
        chosen[(2 * torch.arange(size) + 1) * len(left) // (2 * max(size, 1))] = True
        parts[name], left = left[chosen].sort().values, left[~chosen]
    return {rest: left.sort().values, **parts}
