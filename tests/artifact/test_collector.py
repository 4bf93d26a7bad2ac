"""Rows of a pass over a split."""

import torch

from torchheads.artifact import Collector


def test_rows_come_back_sorted_and_the_collector_is_empty_again() -> None:
    collector = Collector()
    collector.add(torch.tensor([5, 1]), torch.tensor([[5.0], [1.0]]), torch.tensor([50, 10]))
    collector.add(torch.tensor([3]), torch.tensor([[3.0]]), torch.tensor([30]))
    rows = collector.gather()
    assert rows.index.tolist() == [1, 3, 5]
    assert rows.logits.flatten().tolist() == [1, 3, 5]
    assert rows.target.tolist() == [10, 30, 50]
    collector.add(torch.tensor([0]), torch.zeros(1, 1), torch.tensor([0]))
    assert collector.gather().index.tolist() == [0]


def test_rows_hold_no_graph() -> None:
    collector = Collector()
    collector.add(torch.tensor([0]), torch.zeros(1, 1, requires_grad=True) * 2, torch.tensor([0]))
    assert not collector.gather().logits.requires_grad
