"""What every target form shares: which entries are known, and words for messages."""

import warnings

import numpy as np
import pytest
import torch

from torchheads.errors import DataError, TargetError
from torchheads.targets import (
    ClassIndex,
    LabelLists,
    LabelSet,
    MixedTarget,
    TargetForm,
    TargetRows,
    densified,
    plain_target,
    target_form,
)
from torchheads.targets.base import describe, position, what, widen

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


# The whole text of every refusal --------------------------------------------------------------------------------------

NESTED = "LabelLists.from_lists(target.unbind(), num_classes)"
RAGGED = "LabelLists.from_lists(target, num_classes)"
ELSE = "a tensor, or LabelLists.from_lists(...)"


def no_target(came, remedy):
    return f"TH-M14: SigmoidHead got {came} as target; allowed a tensor or LabelLists. Try: {remedy}"


def plain(target):
    return lambda: plain_target(target, "SigmoidHead")


def named_form():
    made = form()
    made.class_names = ("cat", "dog", "cow")
    return made


with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch calls the layout a prototype
    SOME_NESTED = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(1)])

TEXTS = [
    (
        lambda: form().known(TARGET, torch.zeros(2)),
        "TH-M06: SoftmaxHead got a mask of shape (2,) and dtype float32; allowed bool of shape (4,). "
        "Try: mask=target != -1",
    ),
    (
        lambda: form().known(TARGET, [True]),
        "TH-M06: SoftmaxHead got a mask that is the list [True]; allowed bool of shape (4,). Try: mask=target != -1",
    ),
    (
        lambda: named_form().check_values(torch.tensor([0, 3])),
        "TH-T01: SoftmaxHead got class index 3 at sample 1; allowed 0..2, 0 ('cat') to 2 ('cow') (num_classes=3). "
        "Try: num_classes=4 (head.num_classes=4), or target - 1 if your classes start at 1",
    ),
    (
        plain(MixedTarget(TARGET, TARGET, 0.5)),
        "TH-M16: SigmoidHead got a MixedTarget, which is for training; allowed a plain target. "
        "Try: target.first, or the labels of the unmixed examples",
    ),
    (
        plain(torch.zeros(3).to_sparse()),
        "TH-M06: SigmoidHead got a sparse target of shape (3,) and dtype float32; "
        "allowed a sparse multi-hot of shape (N, C). Try: target.to_dense()",
    ),
    (plain(SOME_NESTED), no_target("a nested tensor", NESTED)),
    (plain([0, 1]), no_target("the list [0, 1]", "torch.tensor(target)")),
    (plain((0, 1)), no_target("the tuple (0, 1)", "torch.tensor(target)")),
    (plain([0, [1]]), no_target("the list [0, [1]]", RAGGED)),
    (plain([(0,)]), no_target("the list [(0,)]", RAGGED)),
    (plain([{0}]), no_target("the list [{0}]", RAGGED)),
    (plain(np.array([1])), no_target("the ndarray array([1])", "torch.as_tensor(target)")),
    (plain("dog"), no_target("the str 'dog'", ELSE)),
    (plain(range(2)), no_target("the range range(0, 2)", ELSE)),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS, ids=[text[:6] for _, text in TEXTS])
def test_the_whole_text(refused, text):
    with pytest.raises((TargetError, DataError)) as caught:
        refused()
    assert str(caught.value) == text


def test_what_is_long_is_cut_at_sixty_characters():
    assert what("x" * 58) == f"the str {'x' * 58!r}"  # 60 with its quotes
    assert what("x" * 59) == f"the str '{'x' * 56}..."


def test_a_class_in_words():
    named = named_form()
    assert [named.class_label(label) for label in (-1, 0, 2, 3)] == ["-1", "0 ('cat')", "2 ('cow')", "3"]
    assert form().class_label(2) == "2"
    assert (form().allowed, named.allowed) == ("0..2", "0..2, 0 ('cat') to 2 ('cow')")


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [
        (torch.uint8, torch.int64),
        (torch.bool, torch.int64),
        (torch.float8_e4m3fn, torch.float32),
        (torch.float16, torch.float16),
        (torch.float64, torch.float64),
    ],
)
def test_widened(dtype, wide):
    values = torch.tensor([0.0, 1.0]).to(dtype)
    assert widen(values).dtype == wide
    assert widen(values).tolist() == [0, 1]


def test_a_mask_of_examples_is_spread_over_the_classes_of_lists():
    lists = LabelLists.from_lists([[0, 2], []], 3)
    hot, mask = densified(lists, torch.tensor([True, False]))
    assert hot.tolist() == [[True, False, True], [False, False, False]]
    assert mask.tolist() == [[True] * 3, [False] * 3]
    assert densified(lists, torch.ones(2, 3, dtype=torch.bool))[1].shape == (2, 3)
    assert densified(lists, None)[1] is None
    assert densified(hot, mask)[1] is mask


def test_a_form_knows_no_shortcut_unless_it_says_so():
    distribution = target_form("single", 3, None, "SoftmaxHead", soft=True)
    assert not distribution.is_usual(torch.ones(2, 3) / 3, torch.zeros(2, 3))
    assert not distribution.plausible(torch.ones(2, 3) / 3)


@pytest.mark.parametrize("label_type", ["single", "multi"])
def test_the_usual_target(label_type):
    """A shortcut taken where the long way would find something else is a wrong loss, so each condition is asked for."""
    made = target_form(label_type, 3, None, "SomeHead")
    usual = torch.tensor([0, 2]) if label_type == "single" else torch.tensor([[1.0, 0, 0], [0, 1, 1]])
    logits = torch.zeros(2, 3)
    assert made.is_usual(usual, logits)
    assert not target_form(label_type, 3, -1, "SomeHead").is_usual(usual, logits)
    assert not target_form(label_type, 2, None, "SomeHead").is_usual(usual, logits)
    assert not made.is_usual(usual.int(), logits)
    assert not made.is_usual(usual, logits.half())
    assert not made.is_usual(usual[:1], logits)
    assert not made.is_usual(usual, torch.zeros(2, 3, 4))
    if label_type == "multi":
        assert made.is_usual(usual.double(), logits.double())
        assert not made.is_usual(usual.half(), logits.half())
        assert not made.is_usual(usual.to_sparse(), logits)
        assert not made.is_usual(usual[:, :2], logits[:, :2])
    else:
        assert made.is_usual(usual, logits.double())
