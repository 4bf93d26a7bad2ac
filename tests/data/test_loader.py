"""The loader in a plain loop: batches, exact resumption at every step, and what may not be resumed."""

import json
from functools import partial

import pytest
import torch

from torchheads.data import (
    Augmentation,
    Batch,
    EvaluationSampler,
    KeyedLoader,
    KeyedSampler,
    Shard,
    Split,
    channel_moments,
)
from torchheads.data.readers import RowReader, WindowReader
from torchheads.errors import CheckpointMismatch

ROWS, BATCH_SIZE, STEPS = 18, 4, 5  # the last batch has two rows


def make_loader(seed=3, batch_size=BATCH_SIZE, shard=None, rows=ROWS):
    images = torch.arange(rows * 9, dtype=torch.uint8).view(rows, 1, 3, 3)
    split = Split(images, torch.arange(rows))
    sampler = KeyedSampler(rows, batch_size, seed=seed, shard=shard)
    reader = WindowReader(images, Augmentation(shift=1, flip=True), seed)
    return KeyedLoader(reader, split, channel_moments(images), sampler)


def train(loader, epochs, steps=None):
    """A bare training loop over the epochs from the loader's own on; what it saw, up to a number of steps."""
    seen = []
    for epoch in range(loader.sampler.epoch, epochs):
        loader.set_epoch(epoch)
        for batch in loader:
            seen.append((epoch, batch.index.tolist(), batch.input.flatten().tolist()))
            if len(seen) == steps:
                return seen
    return seen


def test_batches():
    loader = make_loader()
    batches = list(loader)
    assert len(batches) == len(loader) == STEPS
    assert [len(batch.index) for batch in batches] == [4, 4, 4, 4, 2]
    assert isinstance(batches[0], Batch)
    assert batches[0].mask is None
    assert batches[0].input.dtype == torch.float32
    assert batches[0].input.is_contiguous()
    for batch in batches:
        assert torch.equal(batch.target, batch.index)


def test_each_epoch_has_every_row_once_in_another_order():
    loader = make_loader()
    epochs = []
    for epoch in range(4):
        loader.set_epoch(epoch)
        epochs.append(torch.cat([batch.index for batch in loader]).tolist())
        assert sorted(epochs[-1]) == list(range(ROWS))
    assert len({tuple(rows) for rows in epochs}) == 4


def test_pixels_do_not_depend_on_the_batch_size():
    small, large = (
        dict(
            zip(
                torch.cat([batch.index for batch in loader]).tolist(), torch.cat([b.input for b in loader]), strict=True
            )
        )
        for loader in (make_loader(batch_size=3), make_loader(batch_size=11))
    )
    assert all(torch.equal(small[row], large[row]) for row in range(ROWS))


def test_evaluation_batches_are_plain_and_ascending():
    images = torch.randint(0, 255, (7, 1, 3, 3), dtype=torch.uint8)
    split, moments = Split(images, torch.arange(7)), channel_moments(images)
    loader = KeyedLoader(RowReader(images), split, moments, EvaluationSampler(7, 3))
    assert [batch.index.tolist() for batch in loader] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [loader.real_rows(number) for number in range(3)] == [3, 3, 1]
    plain = (images.double() - images.double().mean()) / images.double().std(correction=0)
    torch.testing.assert_close(torch.cat([batch.input for batch in loader]), plain.float())


@pytest.mark.parametrize("steps", range(1, 3 * STEPS + 1))
def test_resume_at_every_step(steps):
    whole = train(make_loader(), epochs=3)
    first = make_loader()
    before = train(first, epochs=3, steps=steps)
    state = json.loads(json.dumps(first.state_dict()))  # plain numbers only
    second = make_loader()
    second.load_state_dict(state)
    assert before + train(second, epochs=3) == whole


@pytest.mark.parametrize("load_first", [True, False], ids=["load_then_iter", "iter_then_load"])
def test_loading_before_or_after_iter(load_first):
    first = make_loader()
    train(first, epochs=1, steps=2)
    second = make_loader()
    iterator = None if load_first else iter(second)
    second.load_state_dict(first.state_dict())
    rest = [batch.index.tolist() for batch in (iterator or second)]
    assert rest == [batch.index.tolist() for batch in make_loader()][2:]


def test_chain_of_resumes_with_steps_and_without():
    whole = train(make_loader(), epochs=3)
    seen, loader = [], make_loader()
    for steps in (1, 3, 1, 0, 0, 2, 5, 1, 0, 2):  # two of the stops are at the end of an epoch
        seen += train(loader, epochs=3, steps=steps) if steps else []
        state = loader.state_dict()
        loader = make_loader()
        loader.load_state_dict(state)
        assert loader.state_dict() == state
    assert seen == whole


def test_length_stays_whole_after_loading():
    loader = make_loader()
    train(loader, epochs=1, steps=3)
    resumed = make_loader()
    resumed.load_state_dict(loader.state_dict())
    assert len(resumed) == STEPS
    assert len(list(resumed)) == STEPS - 3
    assert len(list(resumed)) == STEPS  # another pass over the same epoch is a whole one


def test_a_position_counts_for_its_own_epoch_alone():
    loader = make_loader()
    train(loader, epochs=1, steps=3)
    resumed = make_loader()
    resumed.load_state_dict(loader.state_dict())
    resumed.set_epoch(1)
    assert resumed.state_dict()["batch"] == 0
    assert len(list(resumed)) == STEPS


def test_a_trainer_may_know_better():
    loader = make_loader()
    loader.begin = lambda: 3
    assert [batch.index.tolist() for batch in loader] == [batch.index.tolist() for batch in make_loader()][3:]


def test_two_iterators_do_not_disturb_each_other():
    loader = make_loader()
    pairs = [(a.index.tolist(), b.index.tolist()) for a, b in zip(loader, loader, strict=True)]
    assert all(a == b for a, b in pairs)
    assert len(pairs) == STEPS


def test_two_ranks_may_go_on_where_one_stopped():
    one = make_loader(batch_size=4)
    train(one, epochs=1, steps=2)
    ranks = [make_loader(batch_size=2, shard=Shard(rank, 2)) for rank in range(2)]
    for rank in ranks:
        rank.load_state_dict(one.state_dict())
    rest = sorted(row for rank in ranks for batch in rank for row in batch.index.tolist())
    assert rest == sorted(row for batch in list(make_loader())[2:] for row in batch.index.tolist())


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"seed": 4}, "seed: 3 saved, 4 now"),
        ({"batch_size": 5}, "rows_a_step: 4 saved, 5 now"),
        ({"shard": Shard(0, 2)}, "rows_a_step: 4 saved, 8 now"),
        ({"rows": 17}, "rows: 18 saved, 17 now"),
    ],
)
def test_another_order_of_rows_cannot_be_resumed(other, text):
    loader = make_loader()
    train(loader, epochs=1, steps=2)
    with pytest.raises(CheckpointMismatch, match=text) as caught:
        make_loader(**other).load_state_dict(loader.state_dict())
    assert caught.value.code == "K07"


def test_between_epochs_anything_may_change():
    loader = make_loader()
    loader.set_epoch(2)
    resumed = make_loader(batch_size=5, seed=9)
    resumed.load_state_dict(loader.state_dict())
    assert resumed.sampler.epoch == 2
    assert len(list(resumed)) == 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same_batches():
    images = torch.randint(0, 255, (ROWS, 1, 6, 6), dtype=torch.uint8)
    split, moments = Split(images, torch.arange(ROWS)), channel_moments(images)
    reader = partial(WindowReader, augment=Augmentation(2, True), seed=0)
    cpu, cuda = (
        list(KeyedLoader(reader(images.to(device)), split, moments, KeyedSampler(ROWS, 4, 0), device))
        for device in ("cpu", "cuda")
    )
    for left, right in zip(cpu, cuda, strict=True):
        assert right.input.is_cuda
        assert torch.equal(left.index, right.index.cpu())
        torch.testing.assert_close(left.input, right.input.cpu())
