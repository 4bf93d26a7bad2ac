"""What is unknown leaves a loss, whatever it holds."""

import math

import pytest
import torch

from torchheads.losses.known import row_losses_of_known, summed_entries_of_known

NAN = math.nan


def test_rows_are_dropped_and_classes_are_handed_on():
    logits = torch.tensor([[1.0, 2.0], [NAN, NAN]], requires_grad=True)
    seen = []

    def loss(values, known):
        seen.append(known)
        return values.square().sum(dim=1)

    rows = torch.tensor([True, False])
    losses = row_losses_of_known(loss, logits, rows)
    assert losses.tolist() == [5, 0]
    losses.sum().backward()
    assert logits.grad.tolist() == [[2, 4], [0, 0]]
    classes = torch.tensor([[True, False], [True, True]])
    row_losses_of_known(loss, logits, classes)
    row_losses_of_known(loss, logits, None)
    assert [known is None for known in seen] == [True, False, True]
    assert seen[1] is classes


@pytest.mark.parametrize(
    ("known", "expected", "slopes"),
    [
        (torch.tensor([True, False]), [5, 0], [[2, 4], [0, 0]]),
        (torch.tensor([[True, True], [False, False]]), [5, 0], [[2, 4], [0, 0]]),
        (torch.tensor([[False, True], [False, False]]), [4, 0], [[0, 4], [0, 0]]),
    ],
)
def test_entries_are_dropped(known, expected, slopes):
    logits = torch.tensor([[1.0, 2.0], [NAN, math.inf]], requires_grad=True)
    losses = summed_entries_of_known(lambda values: values.square() + 0 * values, logits, known)
    assert losses.tolist() == expected
    losses.sum().backward()
    assert logits.grad.tolist() == slopes


def test_everything_known_is_the_sum():
    assert summed_entries_of_known(lambda values: values, torch.ones(2, 3), None).tolist() == [3, 3]
