"""Each thing to mind is said when it is there, and not when it is not."""

import pytest
import torch

from torchheads.data.overview.label_counts import index_counts, set_counts
from torchheads.data.overview.notes import chance_precision, notes
from torchheads.targets import TargetRows

NAMES = ("cat", "dog", "cow")
PLAIN = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [0, 0, 0]]


def sets(rows, known=None):
    return set_counts(TargetRows(torch.tensor(rows), None if known is None else torch.tensor(known).bool()))


def of_sets(train=PLAIN, test=PLAIN, known=None):
    return notes({"train": sets(train, known), "test": sets(test)}, NAMES, "multi")


def test_nothing_to_mind():
    # shares of the labels on test: 1/5, 2/5, 2/5; their mean 1/3 is above 0.3
    assert of_sets() == ["a ranking by chance reaches a mean average precision of 0.333 on test: labels are frequent"]
    assert of_sets(test=[*PLAIN, [0, 0, 0]]) == []
    assert notes({"train": index_counts(TargetRows(torch.tensor([0, 1, 2]), None), 3)}, NAMES, "single") == []


def test_labels_without_rows():
    train = of_sets(train=[[1, 0, 0], [0, 1, 0], [1, 1, 0]])
    assert "train has no row of 1 label of 3: nothing is learnt of 'cow'" in train
    test = of_sets(test=[[1, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert "test has no row of 2 labels of 3: undefined there, left out of means: 'dog', 'cow'" in test


def test_many_names_are_cut():
    counts = index_counts(TargetRows(torch.tensor([0, 1]), None), 9)
    (line, *_) = notes({"train": counts}, [f"n{number}" for number in range(9)], "single")
    assert line.endswith("nothing is learnt of 'n2', 'n3', 'n4', 'n5', 'n6' and 2 more")


def test_a_label_on_every_row():
    assert "every training row has 'dog': nothing to tell apart" in of_sets(train=[[1, 1, 0], [0, 1, 0], [0, 1, 1]])
    known = [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    assert "every training row has 'dog': nothing to tell apart" in of_sets(
        [[1, 1, 0], [0, 0, 0], [0, 1, 1]], known=known
    )


def test_sets_that_hardly_differ():
    line = "60 % of the training rows have the same label set, of 3 sets in all"
    assert line in of_sets(train=[[0, 1, 1]] * 3 + [[1, 0, 0], [0, 1, 0]])
    assert not any("same label set" in line for line in of_sets(train=[[0, 1, 1]] * 2 + PLAIN[:2]))
    single = index_counts(TargetRows(torch.tensor([0, 0, 1]), None), 2)
    assert notes({"train": single}, NAMES, "single") == [
        "67 % of the training rows have one class: accuracy begins there"
    ]


def test_a_split_of_another_kind():
    one_each = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert "test is of another kind than train: 60 % of its rows have exactly one label, 100 % there" in of_sets(
        one_each
    )
    assert not any("another kind" in line for line in of_sets(one_each, one_each))


def test_unknown_entries():
    (line,) = (line for line in of_sets(known=[[1, 1, 0]] * 5) if "unknown" in line)
    assert line == "5 labels (17 %) are unknown: no loss and no metric counts them"  # of 30
    single = index_counts(TargetRows(torch.tensor([0, 1, 2, 0]), torch.tensor([True, True, True, False])), 3)
    assert notes({"train": single}, NAMES, "single") == ["1 row (25 %) is unknown: no loss and no metric counts it"]


def test_chance_is_what_a_random_ranking_reaches():
    target = (torch.rand(4000, 3) < torch.tensor([0.9, 0.5, 0.1])).long()
    order = torch.randperm(4000)
    precision = [
        (label[order].cumsum(0) / torch.arange(1, 4001))[label[order].bool()].mean().item()
        for label in target.unbind(1)
    ]
    assert chance_precision(sets(target.tolist())) == pytest.approx(sum(precision) / 3, abs=0.02)
