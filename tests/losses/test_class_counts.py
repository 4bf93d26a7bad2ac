"""`ClassCounts`: given by hand or told, exact in any dtype, saved and loaded; what it refuses."""

import math

import pytest
import torch

from torchheads.errors import HeadConfigError
from torchheads.losses.class_counts import ClassCounts, checked_counts


def told(*counts):
    part = ClassCounts()
    part.bind(len(counts))
    part.take(torch.tensor(counts))
    return part


def test_counts_by_hand_and_counts_that_were_told():
    for part in (ClassCounts([300, 100]), told(300, 100)):
        assert part.told
        values = part.values(torch.float64)
        assert values.dtype == torch.float64
        assert values.tolist() == [300, 100]


def test_a_class_without_examples_counts_as_the_rarest_of_the_others():
    assert told(300, 0, 7).values(torch.float32).tolist() == [300, 7, 7]
    assert ClassCounts([0.75, 0.0, 0.25]).values(torch.float32).tolist() == [0.75, 0.25, 0.25]  # shares will do


def test_counts_out_of_different_totals_are_made_comparable():
    part = ClassCounts()
    part.bind(4)
    # 30 of 100, 30 of 50 (as 60 of 100), 5 of 100, and a class of which nothing is known: the rarest, 5
    part.take(torch.tensor([30, 30, 5, 0]), torch.tensor([100, 50, 100, 0]))
    assert part.values(torch.float32).tolist() == [30, 60, 5, 5]
    part.take(torch.tensor([3, 30, 5, 6]), 100)
    assert part.values(torch.float32).tolist() == [3, 30, 5, 6]


def test_counts_keep_their_precision_and_their_place():
    part = told(2**20 + 1, 3)
    part.half()
    assert part.counts.tolist() == [2**20 + 1, 3]
    assert part.to(torch.bfloat16).counts.dtype == torch.float32
    with torch.device("meta"):
        assert ClassCounts([2.0, 1.0]).counts.tolist() == [2, 1]


def test_a_loaded_state_wins_over_what_was_told_and_gives_way_to_what_was_given():
    state = told(300, 100).state_dict()
    assert list(state) == ["counts"]
    fresh, other, by_hand = ClassCounts(), told(1, 2), ClassCounts([5, 6])
    fresh.bind(2)
    assert {name: value.shape for name, value in fresh.state_dict().items()} == {"counts": (2,)}
    for part, expected in ((fresh, [300, 100]), (other, [300, 100]), (by_hand, [5, 6])):
        part.load_state_dict(state)
        assert part.told
        assert part.counts.tolist() == expected


def test_a_state_without_counts_changes_nothing():
    part = told(300, 100)
    part.load_state_dict({})
    assert part.counts.tolist() == [300, 100]
    untold = ClassCounts()
    untold.bind(2)
    part.load_state_dict(untold.state_dict())
    assert not part.told  # as the other was


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ([3, -1], "class_counts got -1; allowed finite numbers >= 0, one a class. Try: class_counts=[300, 100, ...]"),
        ([3, math.nan], "class_counts got nan; allowed finite numbers >= 0, one a class"),
        ("many", "class_counts got 'many'; allowed finite numbers"),
        (7, "class_counts got one number; allowed finite numbers >= 0, one a class"),
        ([[7]], "class_counts got shape (1, 1); allowed"),
        ([0, 0], "class_counts are all 0; allowed one above 0. Try: criterion.take_counts(counts) with those of the"),
    ],
)
def test_bad_counts(counts, text):
    for refused in (lambda: checked_counts(counts), lambda: ClassCounts(counts), lambda: ClassCounts().take(counts)):
        with pytest.raises(HeadConfigError) as caught:
            refused()
        assert str(caught.value).startswith(f"TH-H35: {text}")


def test_counts_of_other_classes():
    with pytest.raises(HeadConfigError) as caught:
        ClassCounts([1, 2]).bind(3)
    text = "TH-H35: class_counts has shape (2,); allowed (3,). Try: one count for each of the 3 classes"
    assert str(caught.value) == text
    part = ClassCounts()
    part.bind(3)
    with pytest.raises(HeadConfigError) as caught:
        part.take(torch.tensor([1, 2]))
    assert str(caught.value) == text


def test_used_before_it_was_told():
    with pytest.raises(HeadConfigError) as caught:
        ClassCounts().values(torch.float32)
    assert str(caught.value) == (
        "TH-H35: a loss that needs the class frequencies was told none. "
        "Try: criterion.take_counts(counts) with those of the training data, or class_counts=[...]"
    )


def test_repr():
    assert repr(ClassCounts()) == "ClassCounts(not told yet)"
    assert repr(told(300, 7)) == "ClassCounts(2 classes, 7 to 300 examples)"
