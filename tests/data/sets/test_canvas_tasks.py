"""Two questions about one canvas: the targets fit the pixels, and everything a run asks for comes by task."""

import pytest
import torch

from torchheads.data import CanvasTasks, DigitCanvases
from torchheads.data.sets.digits import load_digits
from torchheads.errors import DataError

SIZES = {"train_size": 300, "val_size": 50, "calibration_size": 50, "test_size": 60}


@pytest.fixture(scope="module")
def data() -> CanvasTasks:
    return CanvasTasks(**SIZES)


def test_the_canvases_are_those_of_one_task(data: CanvasTasks) -> None:
    other = DigitCanvases(**SIZES)
    for name in data.num_samples:
        assert torch.equal(data.split(name).input, other.split(name).input)
        assert torch.equal(data.split(name).target["present"], other.split(name).target)


def test_the_top_left_cell_is_read_from_the_pixels(data: CanvasTasks) -> None:
    digits = load_digits()
    classes = {row.numpy().tobytes(): int(label) for row, label in zip(digits.input, digits.target, strict=True)}
    split = data.split("train")
    for canvas, label in zip(split.input, split.target["top_left"].tolist(), strict=True):
        tile = canvas[:, :8, :8].contiguous()
        assert label == (classes[tile.numpy().tobytes()] if tile.any() else 10)
    assert split.target["top_left"].unique().tolist() == list(range(11))


def test_what_a_run_asks_for_comes_by_task(data: CanvasTasks) -> None:
    assert data.name == "canvas_tasks"
    assert data.label_type == {"top_left": "single", "present": "multi"}
    assert data.num_classes == {"top_left": 11, "present": 10}
    assert data.class_names["top_left"][-1] == "empty"
    assert data.num_samples == {"train": 300, "val": 50, "calibration": 50, "test": 60}
    target, prior = data.split("train").target, data.prior()
    assert torch.equal(prior["top_left"], ((target["top_left"].bincount(minlength=11) + 1) / 302).float())
    assert torch.equal(prior["present"], ((target["present"].sum(dim=0) + 1) / 302).float())


def test_batches_have_the_targets_of_their_rows(data: CanvasTasks) -> None:
    batch = next(iter(data.train_dataloader()))
    for task, target in data.split("train").target.items():
        assert torch.equal(batch.target[task], target[batch.index])
    cut = batch.first(3)
    assert cut.target["top_left"].shape == (3,)
    assert cut.target["present"].shape == (3, 10)
    assert cut.mask is None


def test_options_are_checked() -> None:
    with pytest.raises(DataError, match="TH-D12"):
        CanvasTasks(digits=(0, 5))
