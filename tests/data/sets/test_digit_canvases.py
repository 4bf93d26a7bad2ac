"""Canvases: no source digit in two splits, targets that fit the pixels, and options that cannot be composed."""

import pytest
import torch

from torchheads.data import DigitCanvases
from torchheads.data.sets.digits import load_digits
from torchheads.errors import DataError

SIZES = {"train_size": 600, "val_size": 100, "calibration_size": 100, "test_size": 200}


def cells(canvases):
    """Every non-empty cell as bytes, and the canvas it is on."""
    tiles = canvases.unfold(2, 8, 8).unfold(3, 8, 8).reshape(len(canvases), -1, 64)
    return [[tile.numpy().tobytes() for tile in canvas if tile.any()] for canvas in tiles]


@pytest.fixture(scope="module")
def data():
    return DigitCanvases(**SIZES)


@pytest.fixture(scope="module")
def classes():
    digits = load_digits()
    return {row.numpy().tobytes(): int(label) for row, label in zip(digits.input, digits.target, strict=True)}


def test_no_source_digit_is_in_two_splits(data, classes):
    used = {name: {tile for canvas in cells(data.split(name).input) for tile in canvas} for name in data.num_samples}
    assert all(tiles <= classes.keys() for tiles in used.values())
    union = set().union(*used.values())
    assert len(union) == sum(len(tiles) for tiles in used.values())
    assert all(len(tiles) > 80 for tiles in used.values())


def test_targets_are_the_classes_on_the_canvas(data, classes):
    split = data.split("train")
    assert split.target.dtype == torch.bool
    for canvas, labels in zip(cells(split.input), split.target, strict=True):
        assert labels.nonzero().flatten().tolist() == sorted({classes[tile] for tile in canvas})
    digits = torch.tensor([len(canvas) for canvas in cells(split.input)])
    assert digits.unique().tolist() == [0, 1, 2, 3, 4]
    assert (split.target.sum(dim=1) < digits).any()  # a class twice on one canvas


def test_exactly_one():
    data = DigitCanvases(digits=(1, 1), **SIZES)
    assert (data.split("train").target.sum(dim=1) == 1).all()


def test_grid():
    data = DigitCanvases(grid=3, digits=[9, 9], **SIZES)
    assert data.input_shape == (1, 24, 24)
    assert data.split("val").input.shape == (100, 1, 24, 24)
    assert {len(canvas) for canvas in cells(data.split("val").input)} == {9}


def test_canvases_are_a_function_of_the_split_seed(data):
    again, seed, split_seed = (DigitCanvases(**SIZES, **seeds) for seeds in ({}, {"seed": 9}, {"split_seed": 1}))
    for other, equal in ((again, True), (seed, True), (split_seed, False)):
        assert torch.equal(other.split("test").input, data.split("test").input) is equal


def test_what_a_run_asks_for(data):
    assert (data.name, data.label_type, data.num_classes, data.input_shape) == (
        "digit_canvases",
        "multi",
        10,
        (1, 16, 16),
    )
    assert data.num_samples == {"train": 600, "val": 100, "calibration": 100, "test": 200}
    target = data.split("train").target
    assert torch.equal(data.prior(), ((target.sum(dim=0) + 1) / 602).float())
    assert next(iter(data.train_dataloader())).input.shape == (64, 1, 16, 16)


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({"digits": (0, 5)}, "D12", r"digits=\[0, 5\] on 2 x 2 cells"),
        ({"digits": (-1, 2)}, "D12", r"digits=\[-1, 2\]"),
        ({"digits": (3, 2)}, "D12", r"digits=\[3, 2\]"),
        ({"digits": (2,)}, "D12", r"digits=\[2\]"),
        ({"grid": 0}, "D11", "grid=0"),
        ({"train_size": 0}, "D01", "train_size=0"),
        ({"val_size": -3}, "D01", "val_size=-3"),
        ({"calibration_size": 0}, "D01", "calibration_size=0"),
        ({"test_size": 0}, "D01", "test_size=0"),
    ],
)
def test_errors(options, code, text):
    with pytest.raises(DataError, match=text) as caught:
        DigitCanvases(**options)
    assert caught.value.code == code
    assert caught.value.remedy
