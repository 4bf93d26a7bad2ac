"""Stratified splits: rows are sorted by class or set of classes, in keyed order inside it, and dealt out evenly.

n rows, m rows of one split, c classes.
"""

from collections.abc import Mapping
from typing import Final

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from torchheads.data.functional.dealing import Deal
from torchheads.data.functional.keyed import Stream, keyed_bits
from torchheads.data.functional.swapping import even_out
from torchheads.errors import DataError

WORD: Final = 62
"""How many classes are compared at once, as the bits of an integer that has 63 of them."""


def stratified_split(
    target: Int64[Tensor, "n"], sizes: Mapping[str, int], split_seed: int, rest: str
) -> dict[str, Int64[Tensor, "m"]]:
    """Disjoint row ids for each split; every class is spread over the splits in proportion, within one row a split.

    A class of few rows may be missing in any of them; see `with_every_class`.

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
        parts[name], left = left[chosen], left[~chosen]
    return {name: rows.sort().values for name, rows in {rest: left, **parts}.items()}


def with_every_class(
    target: Int64[Tensor, "n"], parts: Mapping[str, Int64[Tensor, "m"]], rest: str
) -> dict[str, Int64[Tensor, "m"]]:
    """The splits after each class that ``rest`` lacks got a row there, in exchange for one of its most frequent class.

    Args:
        target: class indices, shape (N,), int64; a negative one is unknown.
        parts: row ids by split, each in ascending order, as they are returned.
        rest: the split that is to hold every class; where it has fewer rows than there are classes, the first ones.

    Example:
        >>> target = torch.tensor([0, 0, 0, 1])
        >>> rows = with_every_class(target, {"train": torch.tensor([0, 1]), "test": torch.tensor([2, 3])}, "train")
        >>> {name: ids.tolist() for name, ids in rows.items()}
        {'train': [1, 3], 'test': [0, 2]}
    """
    parts = {name: rows.clone() for name, rows in parts.items()}
    dealt, trained = target[torch.cat(list(parts.values()))], target[parts[rest]]
    counts = dealt[dealt >= 0].bincount()
    present = trained[trained >= 0].bincount(minlength=len(counts))
    for label in ((present == 0) & (counts > 0)).nonzero()[:, 0].tolist():
        common = int(present.argmax())
        if present[common] < 2:
            break
        given = int((target[parts[rest]] == common).nonzero()[0])
        holder = next(rows for rows in parts.values() if (target[rows] == label).any())
        taken = int((target[holder] == label).nonzero()[0])
        parts[rest][given], holder[taken] = int(holder[taken]), int(parts[rest][given])
        present[common] -= 1
        present[label] += 1
    return {name: rows.sort().values for name, rows in parts.items()}


def stratified_label_sets(
    target: Bool[Tensor, "n c"],
    sizes: Mapping[str, int],
    split_seed: int,
    rest: str,
    mask: Bool[Tensor, "n c"] | None = None,
) -> dict[str, Int64[Tensor, "m"]]:
    """Disjoint row ids for each split; the rows of every label are spread over the splits in proportion.

    Use it where rows have sets of classes, `stratified_split` where each has one. Labels are dealt out from the rarest
    on, all rows of a label at once and evenly along the order of their label sets, so that pairs of labels spread as
    well; swaps of two rows then mend what is left. A label that any row has stays in ``rest`` with one row at least; a
    label of as many rows as there are splits is in each of them, where other labels leave room and until such labels
    have half of a split.

    Args:
        target: multi-hot, shape (N, C), bool; empty sets are allowed.
        sizes: number of rows of each split but ``rest``; their sum is at most N.
        split_seed: which rows go where; the same seed gives the same split on every machine.
        rest: name of the split that gets what is left.
        mask: which entries are known, shape (N, C), bool; an unknown one counts as no label. None for all.

    Returns:
        Row ids in ascending order by name of split, each of shape (M,), int64; ``rest`` first.

    Raises:
        DataError: code D30, for sizes below 0 or of more rows than there are.

    Example:
        >>> target = torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.bool).repeat(3, 1)
        >>> rows = stratified_label_sets(target, {"test": 4}, split_seed=0, rest="train")
        >>> {name: target[ids].sum(dim=0).tolist() for name, ids in rows.items()}
        {'train': [4, 4], 'test': [2, 2]}

    Source: Sechidis, Tsoumakas, Vlahavas (2011), "On the Stratification of Multi-label Data", ECML PKDD, for the order
        of the labels and what each split still wants; whole labels at a time and the swaps are our own.
    """
    wanted = [len(target) - sum(sizes.values()), *sizes.values()]
    if min(wanted) < 0:
        problem = f"sizes {dict(sizes)} of a split of {len(target)} rows; allowed 0 or more each, {len(target)} in all"
        raise DataError("D30", problem, "smaller sizes")
    labels = target if mask is None else target & mask
    order = similar_rows(labels, split_seed)
    labels = labels[order]
    part = even_out(labels, Deal(labels, wanted, split_seed).parts(), wanted)
    return {name: order[part == place].sort().values for place, name in enumerate([rest, *sizes])}


def similar_rows(labels: Bool[Tensor, "n c"], split_seed: int) -> Int64[Tensor, "n"]:
    """An order in which rows of the same rare labels are neighbours, among these rows of the same less rare ones.

    Rows of one label set are in keyed order; whether rows with or without a label come first is keyed as well.

    Example:
        >>> rows = similar_rows(torch.tensor([[1, 0], [0, 0], [1, 1], [0, 0], [1, 0]], dtype=torch.bool), split_seed=0)
        >>> rows.tolist()
        [2, 3, 1, 0, 4]
    """
    order = keyed_bits(split_seed, 0, Stream.SPLIT, torch.arange(len(labels))).argsort()
    upside_down = (keyed_bits(split_seed, 0, Stream.SPLIT_TREE, torch.arange(labels.shape[1])) & 1).tolist()
    for word in torch.split(labels.sum(dim=0).argsort(stable=True, descending=True), WORD):
        key = torch.zeros(len(labels), dtype=torch.int64)
        for place, label in enumerate(word.tolist()):  # the rarest label of the last word decides most
            key += (labels[:, label] ^ bool(upside_down[label])).long() << place
        order = order[key[order].argsort(stable=True)]
    return order
