"""The digits: the real ones, split without overlap and in proportion."""

import numpy as np
import pytest
import torch
from sklearn import datasets

from torchheads.data import Digits
from torchheads.data.sets.digits import load_digits, split_digits


def test_pixels_are_those_of_scikit_learn():
    digits = load_digits()
    images, target = datasets.load_digits(return_X_y=True)
    assert digits.input.dtype == torch.uint8
    assert np.array_equal(digits.input.view(-1, 64).numpy(), images)
    assert np.array_equal(digits.target.numpy(), target)


@pytest.mark.parametrize("split_seed", [0, 1, 7])
def test_splits_are_disjoint_and_stratified(split_seed):
    splits = split_digits(split_seed)
    rows = [row.numpy().tobytes() for split in splits.values() for row in split.input]
    assert len(rows) == len(set(rows)) == 1797  # no two digits of the data set are equal, so none is in two splits
    shares = load_digits().target.bincount() / 1797
    for split in splits.values():
        assert ((split.target.bincount(minlength=10) - shares * len(split.target)).abs() <= 2).all()


def test_split_seed_moves_rows_and_seed_does_not():
    def images(**seeds):
        return Digits(**seeds).split("test").input

    assert torch.equal(images(), images(seed=5))
    assert not torch.equal(images(), images(split_seed=1))


def test_what_a_run_asks_for():
    data = Digits()
    data.setup()
    assert (data.name, data.label_type, data.num_classes, data.input_shape) == ("digits", "single", 10, (1, 8, 8))
    assert data.class_names == tuple("0123456789")
    assert sum(data.num_samples.values()) == 1797
    assert (data.prior() - 0.1).abs().max() < 0.01
    batch = next(iter(data.train_dataloader()))
    assert batch.input.shape == (64, *data.input_shape)
    assert batch.target.dtype == torch.int64


def test_the_splits_in_memory_are_not_shared():
    Digits().split("test").input.zero_()
    assert Digits().split("test").input.any()
