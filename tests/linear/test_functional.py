"""Chunks cover every class once, and each label stands in the chunk of its class."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.linear import functional
from torchheads.linear.functional import chunk_size, chunks_of, labels_by_class
from torchheads.targets import LabelLists

CPU = torch.device("cpu")


@given(st.integers(1, 200), st.integers(1, 60))
def test_chunks_cover_every_class_once(num_classes, size):
    chunks = chunks_of(num_classes, size)
    assert [c for chunk in chunks for c in range(chunk.start, chunk.stop)] == list(range(num_classes))
    assert all(0 < chunk.stop - chunk.start <= size for chunk in chunks)


@given(st.integers(0, 5000), st.integers(1, 2_000_000))
def test_the_logits_of_a_chunk_fit_their_room(rows, num_classes):
    size = chunk_size(rows, num_classes, torch.float32, CPU)
    assert size % 32 == 16
    room = functional.CHUNK_BYTES["cpu"] // (4 * max(rows, 1))
    assert size <= max(room, functional.SMALLEST_CHUNK) + 32
    assert size >= min(num_classes, functional.SMALLEST_CHUNK) / 2


def test_more_room_is_larger_chunks():
    sizes = [chunk_size(8192, 128_000, torch.float32, torch.device(kind)) for kind in ("cpu", "cuda", "xpu")]
    assert sizes == [272, 8016, 8016]


@given(st.lists(st.lists(st.integers(0, 12), max_size=6), min_size=1, max_size=5), st.integers(1, 15))
def test_every_label_stands_in_the_chunk_of_its_class(lists, size):
    target = LabelLists.from_lists(lists, num_classes=13)
    labels = labels_by_class(target, 13, size)
    found = [
        (row, column + chunk.start)
        for chunk in chunks_of(13, size)
        for row, column in zip(*(part.tolist() for part in labels.entries(chunk)), strict=True)
    ]
    assert sorted(found) == [(row, label) for row, wanted in enumerate(lists) for label in sorted(set(wanted))]
    assert [label for _, label in found] == sorted(label for _, label in found)


def test_no_labels():
    labels = labels_by_class(LabelLists.from_lists([[], []], num_classes=5), 5, 2)
    assert labels.bounds == [0, 0, 0, 0]


@pytest.mark.parametrize("size", [2, 3, 7])
def test_class_indices_are_lists_of_one(size):
    index = torch.tensor([4, 0, 6, 4])
    one = labels_by_class(index, 7, size)
    other = labels_by_class(LabelLists.from_lists([[label] for label in index.tolist()], 7), 7, size)
    assert torch.equal(one.rows, other.rows)
    assert torch.equal(one.labels, other.labels)
    assert one.bounds == other.bounds
