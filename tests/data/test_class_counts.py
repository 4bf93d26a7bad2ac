"""Class frequencies of the train split: by task, without what is masked or ignored, from label lists too."""

from types import SimpleNamespace

import pytest
import torch

from torchheads.data import Digits
from torchheads.data.batch import Split
from torchheads.data.class_counts import class_counts
from torchheads.targets import LabelLists

INDEX, SETS = torch.tensor([0, 2, 2, 2]), torch.tensor([[1, 1], [1, 0], [0, 0], [0, 0]])


def made_up(target, label_type, num_classes, mask=None, ignore_index=None):
    split = Split(torch.zeros(4, 1), target, mask)
    facts = {"label_type": label_type, "num_classes": num_classes, "ignore_index": ignore_index}
    return SimpleNamespace(name="made up", split=lambda name: {"train": split}[name], **facts)


def numbers(counts):
    return [values.tolist() for values in counts]


def test_counts_of_one_task_stand_under_the_empty_name():
    counts = class_counts(Digits())
    assert list(counts) == [""]
    target = Digits().split("train").target.tolist()
    assert numbers(counts[""]) == [[target.count(digit) for digit in range(10)], [len(target)] * 10]


@pytest.mark.parametrize("target", [SETS, SETS.bool(), SETS.float(), LabelLists.from_multi_hot(SETS)])
def test_every_form_of_a_label_set(target):
    assert numbers(class_counts(made_up(target, "multi", 2))[""]) == [[2, 1], [4, 4]]


def test_what_is_masked_or_ignored_is_not_known():
    known = torch.tensor([[1, 1], [0, 1], [1, 1], [1, 0]]).bool()
    for data in (
        made_up(SETS, "multi", 2, mask=known),
        made_up(SETS.masked_fill(~known, -1), "multi", 2, ignore_index=-1),
    ):
        assert numbers(class_counts(data)[""]) == [[1, 1], [3, 3]]
    rows = torch.tensor([True, True, False, True])
    for data in (
        made_up(INDEX, "single", 3, mask=rows),
        made_up(INDEX.masked_fill(~rows, 255), "single", 3, ignore_index=255),
    ):
        assert numbers(class_counts(data)[""]) == [[1, 0, 2], [3, 3, 3]]


def test_several_tasks():
    several = made_up({"kind": INDEX, "tags": SETS}, {"kind": "single", "tags": "multi"}, {"kind": 3, "tags": 2})
    counts = class_counts(several)
    assert numbers(counts["kind"]) == [[1, 0, 3], [4, 4, 4]]
    assert numbers(counts["tags"]) == [[2, 1], [4, 4]]
