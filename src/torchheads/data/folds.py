"""Training rows in folds: each row is held out once, by a model trained on the others.

n examples, m examples of one fold.
"""

import torch
from jaxtyping import Int64
from torch import Tensor

from torchheads.data.base import ClassificationData
from torchheads.data.functional.splitting import stratified_label_sets, stratified_split
from torchheads.errors import DataError
from torchheads.targets import named


def fold_rows(data: ClassificationData, folds: int) -> list[Int64[Tensor, "m"]]:
    """Row ids of each fold of the training split, stratified, by the data's ``split_seed``.

    Rows of several tasks are dealt out by the first of them.

    Args:
        data: any data set.
        folds: how many, from 2 to the number of training rows.

    Raises:
        DataError: code D03, for a number of folds that is not.

    Example:
        >>> from torchheads.data import Digits
        >>> [len(rows) for rows in fold_rows(Digits(), folds=3)]
        [383, 383, 383]
    """
    split = data.split("train")
    task, label_type = next(iter(named(data.label_type).items()))
    target, mask = named(split.target)[task], named(split.mask).get(task)
    if not 2 <= folds <= len(target):
        problem = f"{folds} folds of {len(target)} training rows; allowed 2 to {len(target)}"
        raise DataError("D03", problem, "decision.folds=5")
    sizes = {str(number): len(target) // folds for number in range(1, folds)}
    if label_type == "multi":
        parts = stratified_label_sets(target.bool(), sizes, data.split_seed, rest="0", mask=mask)
    else:
        parts = stratified_split(target, sizes, data.split_seed, rest="0")
    return [parts[str(number)] for number in range(folds)]


def held_out_fold(data: ClassificationData, rows: Int64[Tensor, "m"]) -> ClassificationData:
    """The data without these training rows, which are its calibration split instead.

    Example:
        >>> from torchheads.data import Digits
        >>> data = Digits()
        >>> held_out_fold(data, fold_rows(data, folds=3)[0]).num_samples["train"], data.num_samples["train"]
        (766, 1149)
    """
    rest = torch.ones(data.num_samples["train"], dtype=torch.bool)
    rest[rows] = False
    return data.with_training_rows({"train": rest.nonzero().flatten(), "calibration": rows})
