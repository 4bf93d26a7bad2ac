"""Augmentation: each example on its own, a function of (seed, epoch, index) alone."""

import pytest
import torch
import torch.nn.functional as F

from torchheads.data import Augmentation
from torchheads.data.functional.keyed import Stream, keyed_integers
from torchheads.errors import DataError


@pytest.fixture
def images():
    return torch.randint(1, 255, (64, 1, 6, 6), dtype=torch.uint8)


def flipped_rows(augmentation, images, index, *, seed=0, epoch=0):
    """Which images came out mirrored; the images have no mirror symmetry."""
    result = augmentation(images, index, seed=seed, epoch=epoch)
    same = (result == images).flatten(1).all(dim=1)
    mirrored = (result == images.flip(-1)).flatten(1).all(dim=1)
    assert (same ^ mirrored).all()
    return mirrored


def test_flips_differ_within_a_batch(images):
    flips = flipped_rows(Augmentation(flip=True), images, torch.arange(64))
    assert 16 <= flips.sum() <= 48


def test_flips_differ_between_epochs_and_seeds(images):
    flip = Augmentation(flip=True)
    drawn = {
        tuple(flipped_rows(flip, images, torch.arange(64), seed=seed, epoch=epoch).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(drawn) == 9


@pytest.mark.parametrize("size", [1, 7, 64])
def test_any_batch_size_and_order_gives_the_same_pixels(images, size):
    augmentation = Augmentation(shift=2, flip=True)
    whole = augmentation(images, torch.arange(64), seed=3, epoch=5)
    order = torch.randperm(64)
    for index in order.split(size):
        torch.rand(3)  # no generator is involved
        assert torch.equal(augmentation(images[index], index, seed=3, epoch=5), whole[index])


def test_shift_against_padding_and_slicing(images):
    index = torch.arange(100, 164)
    result = Augmentation(shift=2)(images, index, seed=1, epoch=2)
    top = keyed_integers(1, 2, Stream.TOP, index, 5)
    left = keyed_integers(1, 2, Stream.LEFT, index, 5)
    for image, shifted, first, column in zip(images, result, top.tolist(), left.tolist(), strict=True):
        assert torch.equal(shifted, F.pad(image, (2, 2, 2, 2))[:, first : first + 6, column : column + 6])
    assert len(set(zip(top.tolist(), left.tolist(), strict=True))) > 15  # of 25 shifts


def test_all_shifts_come_from_minus_to_plus(images):
    dot = torch.zeros(500, 1, 7, 7)
    dot[:, :, 3, 3] = 1
    moved = Augmentation(shift=1)(dot, torch.arange(500), seed=0, epoch=0)
    places = {tuple(place) for place in moved.nonzero()[:, 2:].tolist()}
    assert places == {(row, column) for row in (2, 3, 4) for column in (2, 3, 4)}


def test_the_default_changes_nothing(images):
    assert torch.equal(Augmentation()(images, torch.arange(64), seed=0, epoch=0), images)


def test_channels_move_together():
    images = torch.randint(1, 50, (20, 1, 5, 5)) * torch.tensor([1, 2, 3]).view(3, 1, 1)
    result = Augmentation(shift=2, flip=True)(images, torch.arange(20), seed=0, epoch=0)
    assert torch.equal(result[:, 1], 2 * result[:, 0])
    assert torch.equal(result[:, 2], 3 * result[:, 0])


def test_negative_shift():
    with pytest.raises(DataError, match=r"augment\.shift=-1") as caught:
        Augmentation(shift=-1)
    assert caught.value.code == "D11"


def test_repr_is_the_constructor():
    assert repr(Augmentation(shift=1)) == "Augmentation(shift=1, flip=False)"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same_pixels(images):
    augmentation = Augmentation(shift=2, flip=True)
    index = torch.arange(64)
    on_cuda = augmentation(images.cuda(), index.cuda(), seed=0, epoch=0)
    assert torch.equal(on_cuda.cpu(), augmentation(images, index, seed=0, epoch=0))
