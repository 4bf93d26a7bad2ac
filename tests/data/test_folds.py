"""Folds hold each training row out once, stratified, and nothing else of the data changes."""

import pytest
import torch

from torchheads.data import CanvasTasks, DigitCanvases, Digits
from torchheads.data.folds import fold_rows, held_out_fold
from torchheads.errors import DataError

DATA = {
    "single": lambda: Digits(split_seed=3),
    "multi": lambda: DigitCanvases(train_size=103, val_size=10, calibration_size=10, test_size=10),
    "tasks": lambda: CanvasTasks(train_size=60, val_size=10, calibration_size=10, test_size=10),
}


@pytest.mark.parametrize("kind", DATA)
def test_each_row_is_held_out_once(kind):
    data = DATA[kind]()
    folds = fold_rows(data, 4)
    whole = data.num_samples["train"]
    assert sorted(torch.cat(folds).tolist()) == list(range(whole))
    assert max(map(len, folds)) - min(map(len, folds)) <= 3
    for one, other in zip(folds, fold_rows(DATA[kind](), 4), strict=True):
        assert torch.equal(one, other)


def test_classes_are_spread():
    data = Digits()
    target = data.split("train").target
    for rows in fold_rows(data, 5):
        counts = target[rows].bincount(minlength=10)
        assert (counts - target.bincount(minlength=10) / 5).abs().max() <= 2


@pytest.mark.parametrize("kind", DATA)
def test_a_fold_is_the_data_without_it(kind):
    data = DATA[kind]()
    rows = fold_rows(data, 3)[1]
    fold = held_out_fold(data, rows)
    assert fold.num_samples["train"] == data.num_samples["train"] - len(rows)
    batches = list(fold.calibration_dataloader())
    whole = {name: list(data.evaluation_dataloader(name)) for name in ("train", "val", "test")}
    inputs = torch.cat([batch.input for batch in whole["train"]])
    assert torch.equal(torch.cat([batch.input for batch in batches]), inputs[rows])  # standardised as before
    assert torch.equal(next(iter(fold.val_dataloader())).input, whole["val"][0].input)
    assert data.num_samples["calibration"] != len(rows)  # the data themselves are as they were


def test_features_of_a_frozen_backbone_come_along():
    data = Digits()
    features = {name: torch.randn(size, 3) for name, size in data.num_samples.items()}
    data.use_features(features)
    rows = fold_rows(data, 3)[0]
    fold = held_out_fold(data, rows)
    assert torch.equal(torch.cat([batch.input for batch in fold.calibration_dataloader()]), features["train"][rows])
    assert torch.equal(
        next(iter(fold.val_dataloader())).input, features["val"][: len(next(iter(fold.val_dataloader())).input)]
    )


@pytest.mark.parametrize("folds", [1, 0, 61])
def test_folds_that_are_none(folds):
    with pytest.raises(DataError, match=rf"TH-D03: {folds} folds of 60 training rows; allowed 2 to 60"):
        fold_rows(DATA["tasks"](), folds)
