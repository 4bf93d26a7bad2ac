"""Label sets: every wrong form and value has its own code and remedy; hard and soft sets as rows."""

import pytest
import torch

from torchheads.errors import TargetError
from torchheads.shapes import SMALL_ENTRIES
from torchheads.targets import LabelLists, LabelSet, SoftLabelSet

LOGITS = torch.zeros(2, 3)
NAN, INF = float("nan"), float("inf")


def hard(ignore_index=None, num_classes=3):
    return LabelSet(num_classes, ignore_index, "SigmoidHead")


def soft(ignore_index=None):
    return SoftLabelSet(3, ignore_index, "SigmoidHead")


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("make", [hard, soft])
def test_every_dtype_is_taken(make, dtype):
    target = torch.tensor([[1, 0, 1], [0, 0, 0]]).to(dtype)
    make().check_form(target, LOGITS)
    make().check_values(target)
    values, known = make().rows(target, None)
    assert known is None
    assert make().multi_hot(values, torch.float32).tolist() == [[1, 0, 1], [0, 0, 0]]


def test_class_indices_are_refused_and_the_fix_is_named():
    with pytest.raises(
        TargetError, match=r"TH-M01: SigmoidHead got class indices .*Try: SoftmaxHead, label_type=\"single"
    ):
        hard().check_form(torch.tensor([0, 2]), LOGITS)
    with pytest.raises(TargetError, match=r"F\.one_hot\(target, 3\)"):
        hard().check_form(torch.tensor([0, 2]), LOGITS)
    with pytest.raises(TargetError, match="TH-M01"):
        hard().check_form(torch.zeros(2, 4, 4, dtype=torch.int64), torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize(
    ("target", "logits", "text"),
    [
        (torch.zeros(2), LOGITS, r"Try: target\.unsqueeze\(1\)"),
        (torch.zeros(2, dtype=torch.int64), torch.zeros(2, 1), r"Try: target\.unsqueeze\(1\)"),
        (torch.zeros(2, 4), LOGITS, r"\(2, 4\).*logits of shape \(2, 3\).*Try: one column a class"),
        (torch.zeros(3, 3), LOGITS, r"\(3, 3\)"),
        (torch.zeros(2, 3, dtype=torch.complex64), LOGITS, "complex64"),
        (torch.zeros(2, 3), torch.zeros(2, 3, 4), r"logits of shape \(2, 3, 4\)"),
    ],
)
def test_other_shapes(target, logits, text):
    with pytest.raises(TargetError, match=f"TH-M06: SigmoidHead got a target .*{text}"):
        hard(num_classes=logits.shape[1]).check_form(target, logits)


REFUSED_VALUES = {
    "M03: a count": (2.0, "M03", r"target value 2 at sample 1, label 2; allowed 0 and 1\. Try: \(target > 0\)"),
    "M03: infinity": (INF, "M03", "target value inf"),
    "M03: another negative number": (-2.0, "M03", "target value -2"),
    "M04: minus one": (-1.0, "M04", r"-1 at sample 1, label 2.*Try: ignore_index=-1 \(head\.ignore_index=-1\)"),
    "M05: NaN": (NAN, "M05", r"nan at sample 1, label 2.*Try: mask=~target\.isnan\(\)"),
}


@pytest.mark.parametrize("make", [hard, soft])
@pytest.mark.parametrize(("value", "code", "text"), REFUSED_VALUES.values(), ids=REFUSED_VALUES.keys())
def test_refused_values(make, value, code, text):
    target = torch.zeros(2, 3)
    target[1, 2] = value
    with pytest.raises(TargetError, match=f"TH-{code}: SigmoidHead got .*{text}"):
        make().check_values(target)


def test_soft_labels_must_be_asked_for():
    target = torch.tensor([[0.0, 0.25, 1.0]])
    soft().check_values(target)
    with pytest.raises(TargetError, match=r"TH-M13: .*0\.25 at sample 0, label 1.*Try: soft_targets=True"):
        hard().check_values(target)


@pytest.mark.parametrize("make", [hard, soft])
def test_the_ignored_value_is_allowed_and_no_other(make):
    make(-1).check_values(torch.tensor([[1, -1, 0]]))
    with pytest.raises(TargetError, match="TH-M03"):
        make(-1).check_values(torch.tensor([[1, -1, -2]]))


def test_unknown_entries_become_zero():
    target = torch.tensor([[1, -1, 1], [1, 0, -1]])
    mask = torch.tensor([[False, True, True], [True, True, True]])
    values, known = hard(-1).rows(target, mask)
    assert known.tolist() == [[False, False, True], [True, True, False]]
    assert values.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_nan_behind_a_mask_is_gone():
    values, _ = hard().rows(torch.tensor([[NAN, 1.0]]), torch.tensor([[False, True]]))
    assert values.tolist() == [[0.0, 1.0]]


def test_a_byte_of_255_is_not_minus_one():
    target = torch.tensor([[255, 1, 0]], dtype=torch.uint8)
    with pytest.raises(TargetError, match="target value 255"):
        hard(-1).check_values(target)


def test_rows_of_images_are_the_positions_in_order():
    target, mask = torch.rand(2, 3, 4, 5) < 0.5, torch.rand(2, 3, 4, 5) < 0.5
    values, known = hard().rows(target, mask)
    places = [(n, slice(None), i, j) for n in range(2) for i in range(4) for j in range(5)]
    assert torch.equal(known, torch.stack([mask[place] for place in places]))
    assert torch.equal(values.bool(), torch.stack([(target & mask)[place] for place in places]))


def test_the_distribution_is_uniform_over_the_labels():
    values = torch.tensor([[1, 1, 0], [0, 0, 0], [1, 1, 1]])
    # two labels: 1/2 each; no label: no mass; three labels: 1/3 each
    expected = torch.tensor([[0.5, 0.5, 0], [0, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(hard().distribution(values, torch.float32), expected)
    torch.testing.assert_close(hard().distribution(values, torch.float64), expected.double(), rtol=1e-7, atol=0)
    loop = [[v / max(sum(row), 1) for v in row] for row in values.tolist()]
    torch.testing.assert_close(hard().distribution(values, torch.float32), torch.tensor(loop))


def test_soft_sets_share_their_mass():
    torch.testing.assert_close(
        soft().distribution(torch.tensor([[0.2, 0.6, 0.0]]), torch.float32), torch.tensor([[0.25, 0.75, 0.0]])
    )


# The whole text of every refusal --------------------------------------------------------------------------------------


def with_value(value):
    """How a set with this value at sample 1, label 2 is refused."""
    return lambda: hard().check_values(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, value]]))


TEXTS = [
    (
        lambda: hard().check_form(LabelLists.from_lists([[0]], 3), LOGITS),
        "TH-M06: SigmoidHead got LabelLists(1 labels of 1 examples, num_classes=3) for logits of shape (2, 3); "
        "allowed the same N and C. Try: num_classes=3, and one list an example",
    ),
    (
        lambda: hard().check_form(torch.tensor([0, 1]), LOGITS),
        "TH-M01: SigmoidHead got class indices of shape (2,) and dtype int64; allowed a multi-hot of shape (2, 3). "
        'Try: SoftmaxHead, label_type="single" (head.label_type=single), or F.one_hot(target, 3)',
    ),
    (
        lambda: hard().check_form(torch.zeros(2, 4), LOGITS),
        "TH-M06: SigmoidHead got a target of shape (2, 4) and dtype float32 for logits of shape (2, 3); "
        "allowed the logits' shape. Try: one column a class",
    ),
    (
        lambda: hard().check_form(torch.zeros(2), LOGITS),
        "TH-M06: SigmoidHead got a target of shape (2,) and dtype float32 for logits of shape (2, 3); "
        "allowed the logits' shape. Try: target.unsqueeze(1)",
    ),
    (
        lambda: hard().rows(torch.zeros(3), None),
        "TH-M06: SigmoidHead got a target of shape (3,) and dtype float32; allowed one column a class, shape (N, C). "
        "Try: F.one_hot(target, 3) for class indices",
    ),
    (
        lambda: hard().check_form(torch.zeros(2, 3, device="meta"), LOGITS),
        "TH-T15: SigmoidHead got a target on meta for logits on cpu; allowed one device. Try: target.to(logits.device)",
    ),
    (
        with_value(2.0),
        "TH-M03: SigmoidHead got target value 2 at sample 1, label 2; allowed 0 and 1. "
        "Try: (target > 0) if these are counts",
    ),
    (
        with_value(-1.0),
        "TH-M04: SigmoidHead got target value -1 at sample 1, label 2; allowed 0 and 1. "
        "Try: ignore_index=-1 (head.ignore_index=-1) if -1 marks unknown entries",
    ),
    (
        with_value(NAN),
        "TH-M05: SigmoidHead got target value nan at sample 1, label 2; allowed 0 and 1. "
        "Try: mask=~target.isnan() with target.nan_to_num()",
    ),
    (
        with_value(0.5),
        "TH-M13: SigmoidHead got target value 0.5 at sample 1, label 2; allowed 0 and 1. "
        "Try: soft_targets=True (head.soft_targets=true) for soft labels",
    ),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS, ids=[text[:6] for _, text in TEXTS])
def test_the_whole_text(refused, text):
    with pytest.raises(TargetError) as caught:
        refused()
    assert str(caught.value) == text


@pytest.mark.parametrize("make", [hard, soft])
def test_a_value_between_one_and_two_is_no_soft_label(make):
    with pytest.raises(TargetError, match=r"TH-M03: .* target value 1\.5"):
        make().check_values(torch.tensor([[0.0, 1.5, 0.0]]))


@pytest.mark.parametrize("make", [hard, soft])
def test_what_a_mask_hides_is_not_judged(make):
    target, mask = torch.tensor([[7.0, 1.0, 0.0]]), torch.tensor([[False, True, True]])
    make().check_values(target, mask)
    with pytest.raises(TargetError, match="sample 0, label 0"):
        make().check_values(target, ~mask)


# Small and large targets are looked at in different ways --------------------------------------------------------------

ROWS = SMALL_ENTRIES // 4  # with four classes: as many entries as a large target has at least


@pytest.mark.parametrize("rows", [1, ROWS - 1, ROWS, ROWS + 1])
@pytest.mark.parametrize(
    ("value", "code"), [(2.0, "M03"), (-1.0, "M04"), (NAN, "M05"), (0.5, "M13"), (INF, "M03"), (-INF, "M03")]
)
def test_one_bad_value_among_many(rows, value, code):
    target = (torch.rand(rows, 4) < 0.5).float()
    hard(num_classes=4).check_values(target)
    target[-1, 3] = value
    with pytest.raises(TargetError, match=f"TH-{code}: .* at sample {rows - 1}, label 3"):
        hard(num_classes=4).check_values(target)


@pytest.mark.parametrize("rows", [1, ROWS - 1, ROWS, ROWS + 1])
def test_a_quick_look(rows):
    for target in (torch.zeros(rows, 4), torch.ones(rows, 4), torch.eye(4).repeat(rows, 1)[:rows]):
        assert hard().plausible(target)
        assert hard().plausible(target.bool())
        for value in (2.0, -1.0, NAN, 0.5):
            bad = target.clone()
            bad[-1, 3] = value
            assert not hard().plausible(bad)
    assert hard().plausible(torch.full((rows, 4), INF)) is (rows < ROWS)  # a small one may hide it


@pytest.mark.parametrize("rows", [2, ROWS])
def test_a_mark_among_many(rows):
    target = torch.ones(rows, 4)
    target[0, 1] = -1
    hard(-1, num_classes=4).check_values(target)
    with pytest.raises(TargetError, match="TH-M04"):
        hard(-2, num_classes=4).check_values(target)


def test_class_indices_of_two_classes_are_refused_as_such():
    with pytest.raises(TargetError, match=r"TH-M01: .*F\.one_hot\(target, 2\)"):
        hard(num_classes=2).check_form(torch.tensor([0, 1]), torch.zeros(2, 2))
