"""From the published parts of a data set to the four splits: what is missing is cut out of the training part.

n examples, c classes.
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from torchheads.data.functional.splitting import stratified_label_sets, stratified_split, with_every_class
from torchheads.data.source import Examples, Source
from torchheads.errors import DataError

HELD_OUT: Final = ("val", "calibration", "test")


def cut(source: Source, shares: Mapping[str, float], split_seed: int) -> dict[str, Examples]:
    """The splits train, val, calibration and test; a published part stays what it is, whole.

    Args:
        source: as read; its part "train" is cut.
        shares: of the training part, for each of val, calibration and test, each in [0, 1); a split with any share has
            one example at least.
        split_seed: which rows are cut.

    Raises:
        DataError: code D03, when a share is out of range or nothing is left to train on.
    """
    missing = {name: shares[name] for name in HELD_OUT if name not in source.parts}
    rows = len(source.parts["train"].target)
    check_shares(missing)
    sizes = {name: max(1, round(share * rows)) if share else 0 for name, share in missing.items()}
    check_sizes(sizes, rows)
    train = source.parts["train"]
    chosen = rows_by_split(train, source.label_type == "multi", sizes, split_seed)
    return {name: train.rows(chosen[name]) if name in chosen else source.parts[name] for name in ("train", *HELD_OUT)}


def rows_by_split(train: Examples, is_multi: bool, sizes: Mapping[str, int], split_seed: int) -> dict[str, Tensor]:
    """Row ids of the training part by split, stratified by class or by set of classes; to train on, one of each."""
    if not sizes:
        return {"train": torch.arange(len(train.target))}
    if is_multi:
        return stratified_label_sets(train.target, sizes, split_seed, rest="train", mask=train.mask)
    return with_every_class(train.target, stratified_split(train.target, sizes, split_seed, rest="train"), rest="train")


def check_shares(shares: Mapping[str, float]) -> None:
    """Refuse shares out of range; code D03."""
    for name, share in shares.items():
        if not isinstance(share, int | float) or not 0 <= share < 1:
            problem = f"{name}_share={share!r}; allowed a number from 0 and below 1"
            raise DataError("D03", problem, f"data.{name}_share=0.1")


def check_sizes(sizes: Mapping[str, int], rows: int) -> None:
    """Refuse splits that leave nothing to train on; code D03."""
    if sum(sizes.values()) >= rows:
        cuts = ", ".join(f"{name} {size}" for name, size in sizes.items())
        problem = f"{rows} training rows of which {cuts} are to be cut leave none to train on"
        raise DataError("D03", problem, "more rows, or smaller data.val_share, data.calibration_share, data.test_share")
