"""Rows of a pass over a split."""

import torch

from torchheads import LabelLists
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


def test_label_lists_are_kept_as_lists() -> None:
    collector = Collector()
    collector.add(torch.tensor([2, 0]), torch.zeros(2, 3), LabelLists.from_lists([[1, 2], []], 3))
    collector.add(torch.tensor([1]), torch.zeros(1, 3), LabelLists.from_lists([[0]], 3))
    assert collector.gather().target.tolist() == [[], [0], [1, 2]]


def test_several_heads_are_sorted_each() -> None:
    collector = Collector()
    for index in ([3, 1], [2]):
        ids = torch.tensor(index)
        target = {"a": ids * 10, "b": LabelLists.from_lists([[row] for row in index], 4)}
        collector.add(ids, {"a": ids[:, None] * 1.0, "b": ids[:, None] * 2.0}, target)
    rows = collector.gather()
    assert {name: logits.flatten().tolist() for name, logits in rows.logits.items()} == {"a": [1, 2, 3], "b": [2, 4, 6]}
    assert rows.target["a"].tolist() == [10, 20, 30]
    assert rows.target["b"].tolist() == [[1], [2], [3]]
    assert rows.mask is None


def test_a_batch_without_a_mask_knows_everything() -> None:
    collector, mask = Collector(), torch.tensor([[True, False]])
    for index, given in ((1, None), (0, mask), (2, None)):
        collector.add(torch.tensor([index]), torch.zeros(1, 2), torch.zeros(1, 2), given)
    assert collector.gather().mask.tolist() == [[True, False], [True, True], [True, True]]
    for index, masks in ((1, {"a": mask}), (0, None), (2, {"b": torch.tensor([False])})):
        collector.add(torch.tensor([index]), {}, {}, masks)
    masks = collector.gather().mask
    assert masks["a"].tolist() == [[True, True], [True, False], [True, True]]
    assert masks["b"].tolist() == [True, True, False]
