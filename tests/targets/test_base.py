"""What every target form shares: which entries are known, and words for messages."""

import pytest
import torch

from torchheads.errors import TargetError
from torchheads.targets import ClassIndex, LabelSet, TargetForm, TargetRows
from torchheads.targets.base import describe, position

TARGET = torch.tensor([2, -1, 0, -1])
MASK = torch.tensor([True, True, False, False])


def form(ignore_index=None):
    return ClassIndex(3, ignore_index, "SoftmaxHead")


def test_a_form_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        TargetForm(3, None, "SoftmaxHead")


def test_everything_is_known_unless_said_otherwise():
    assert form().known(TARGET, None) is None


def test_known_is_neither_ignored_nor_masked():
    assert form().known(TARGET, MASK).tolist() == [True, True, False, False]
    assert form(-1).known(TARGET, None).tolist() == [True, False, True, False]
    assert form(-1).known(TARGET, MASK).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    "mask", [MASK.int(), MASK.float(), MASK[:3], MASK[:, None], torch.tensor(True)], ids=lambda mask: describe(mask)
)
def test_a_mask_of_another_shape_or_dtype(mask):
    with pytest.raises(TargetError, match=r"TH-M06: SoftmaxHead got a mask of shape .* allowed bool of shape \(4,\)"):
        form().known(TARGET, mask)


def test_a_mask_of_label_sets_has_their_shape():
    sets = torch.zeros(2, 3)
    assert LabelSet(3, None, "SigmoidHead").known(sets, sets == 0).shape == (2, 3)
    with pytest.raises(TargetError, match="TH-M06"):
        LabelSet(3, None, "SigmoidHead").known(sets, torch.ones(2, dtype=torch.bool))


def test_rows_with_anything_known_are_counted():
    values = torch.zeros(3, 2)
    assert TargetRows(values, None).num_known == 3
    assert TargetRows(values[:, 0], torch.tensor([True, False, True])).num_known == 2
    assert TargetRows(values, torch.tensor([[True, False], [False, False], [True, True]])).num_known == 2
    assert TargetRows(values[:0], None).num_known == 0


def test_words():
    assert describe(torch.zeros(2, 3, dtype=torch.uint8)) == "of shape (2, 3) and dtype uint8"
    assert position(torch.tensor([7, 1])) == "sample 7"
