"""Class indices: every wrong form has its own code and remedy, and rows are what a loop over positions finds."""

import pytest
import torch
from torch.nn import functional as F

from torchheads.errors import TargetError
from torchheads.targets import ClassIndex, LabelLists

LOGITS = torch.zeros(4, 3)


def form(num_classes=3, ignore_index=None):
    return ClassIndex(num_classes, ignore_index, "SoftmaxHead")


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8])
def test_every_integer_dtype_is_taken(dtype):
    target = torch.tensor([0, 2, 1, 2], dtype=dtype)
    form().check_form(target, LOGITS)
    form().check_values(target)
    values, known = form().rows(target, None)
    assert values.dtype == torch.int64
    assert values.tolist() == [0, 2, 1, 2]
    assert known is None


@pytest.mark.parametrize(
    ("dtype", "num_classes", "index"), [(torch.uint8, 256, 255), (torch.uint8, 300, 200), (torch.int8, 200, 127)]
)
def test_more_classes_than_the_dtype_can_count(dtype, num_classes, index):
    target = torch.tensor([0, index], dtype=dtype)
    form(num_classes).check_values(target)
    assert form(num_classes).rows(target, None).values.tolist() == [0, index]


def test_the_last_class_of_uint8_is_not_minus_one():
    target = torch.tensor([0, 255], dtype=torch.uint8)
    assert form(256, ignore_index=-1).rows(target, None).values.tolist() == [0, 255]
    assert form(256, ignore_index=-1).known(target, None).tolist() == [True, True]


REFUSED_FORMS = {
    "T03: whole numbers as floats": (
        torch.tensor([0.0, 1.0, 2.0, 1.0]),
        "T03",
        r"allowed integers\. Try: target\.long",
    ),
    "T04: fractions": (torch.tensor([0.0, 0.5, 2.0, 1.0]), "T04", r"values such as \[0\.5\].*Try: soft_targets=True"),
    "T04: NaN": (torch.tensor([0.0, float("nan"), 2.0, 1.0]), "T04", "nan"),
    "T05: multi-hot of integers": (torch.ones(4, 3, dtype=torch.int64), "T05", r"multi-label.*head\.label_type=multi"),
    "T05: multi-hot of bools": (torch.ones(4, 3, dtype=torch.bool), "T05", "multi-label.*Try: SigmoidHead"),
    "T05: multi-hot of floats": (torch.ones(4, 3), "T05", "multi-label"),
    "T06: rows that sum to something else": (
        torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.25, 0.5], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
        "T06",
        r"sum to 1\.25 at sample 1; allowed class indices \(N,\)\. Try: soft_targets=True",
    ),
    "T07: probabilities": (torch.full((4, 3), 1 / 3), "T07", "class probabilities.*Try: soft_targets=True"),
    "T08: bool": (torch.ones(4, dtype=torch.bool), "T08", r"torch\.bool.*Try: target\.long\(\) when False and True"),
    "T08: complex": (torch.ones(4, dtype=torch.complex64), "T08", "complex"),
    "T11: a column": (torch.ones(4, 1, dtype=torch.int64), "T11", r"allowed \(4,\)\. Try: target\.squeeze\(-1\)"),
    "T11: other rows": (torch.ones(5, dtype=torch.int64), "T11", r"\(5,\).*logits of shape \(4, 3\).*one class index"),
    "T11: a scalar": (torch.tensor(1), "T11", r"shape \(\)"),
}


@pytest.mark.parametrize(("target", "code", "text"), REFUSED_FORMS.values(), ids=REFUSED_FORMS.keys())
def test_refused_forms(target, code, text):
    with pytest.raises(TargetError, match=f"^TH-{code}: SoftmaxHead got .*{text}"):
        form().check_form(target, LOGITS)


def test_spatial_targets_have_no_class_axis():
    logits = torch.zeros(2, 3, 4, 5)
    form().check_form(torch.zeros(2, 4, 5, dtype=torch.int64), logits)
    with pytest.raises(TargetError, match="TH-T05"):
        form().check_form(torch.zeros(2, 3, 4, 5, dtype=torch.int64), logits)
    with pytest.raises(TargetError, match=r"TH-T11.*allowed \(2, 4, 5\)"):
        form().check_form(torch.zeros(2, dtype=torch.int64), logits)


def test_a_class_index_too_large():
    with pytest.raises(
        TargetError, match=r"TH-T01: SoftmaxHead got class index 3 at sample 2; allowed 0\.\.2 .*Try: num_cl"
    ):
        form().check_values(torch.tensor([0, 2, 3, 7]))
    with pytest.raises(TargetError, match=r"num_classes=4 \(head\.num_classes=4\), or target - 1"):
        form().check_values(torch.tensor([0, 2, 3, 7]))


def test_a_negative_class_index():
    with pytest.raises(TargetError, match=r"TH-T02: .* class index -100 at sample 1; .*Try: ignore_index=-100"):
        form().check_values(torch.tensor([0, -100]))


def test_only_the_index_named_is_ignored():
    form(ignore_index=255).check_values(torch.tensor([255, 2]))
    with pytest.raises(TargetError, match="class index 254"):
        form(ignore_index=255).check_values(torch.tensor([255, 254]))


def test_the_sample_is_named_in_images_too():
    target = torch.zeros(3, 2, 2, dtype=torch.int64)
    target[2, 1, 0] = 9
    with pytest.raises(TargetError, match="class index 9 at sample 2"):
        form().check_values(target)


def test_unknown_rows_hold_a_class_that_exists():
    values, known = form(ignore_index=-1).rows(torch.tensor([2, -1, 1, 0]), torch.tensor([True, True, False, True]))
    assert values.tolist() == [2, 0, 0, 0]
    assert known.tolist() == [True, False, False, True]


def test_rows_of_images_are_the_positions_in_order():
    target = torch.randint(0, 3, (2, 4, 5))
    mask = torch.rand(2, 4, 5) < 0.5
    values, known = form().rows(target, mask)
    places = [(n, i, j) for n in range(2) for i in range(4) for j in range(5)]
    assert known.tolist() == [bool(mask[place]) for place in places]
    assert values.tolist() == [int(target[place]) if mask[place] else 0 for place in places]


def test_multi_hot_is_one_hot():
    values = torch.tensor([2, 0, 1, 2])
    hot = form().multi_hot(values, torch.float64)
    assert hot.dtype == torch.float64
    assert torch.equal(hot, F.one_hot(values, 3).double())  # torch's own
    assert hot.tolist() == [[float(c == v) for c in range(3)] for v in values.tolist()]  # a loop
    assert form().multi_hot(values[:0], torch.float32).shape == (0, 3)


def test_the_distribution_of_one_class_is_its_index():
    values = torch.tensor([2, 0])
    assert form().distribution(values, torch.float32) is values


# The whole text of every refusal --------------------------------------------------------------------------------------

SETS = 'SigmoidHead, or label_type="multi" (head.label_type=multi)'
SOFT = f"soft_targets=True (head.soft_targets=true) for soft labels, or {SETS} for label sets"


def of(*values):
    """How a target of these values is refused by its form."""
    return lambda: form().check_form(torch.tensor(values), LOGITS)


TEXTS = [
    (
        lambda: form().check_form(LabelLists.from_lists([[0], [1]], 3), LOGITS),
        "TH-T05: SoftmaxHead got LabelLists(2 labels of 2 examples, num_classes=3), which are label sets; "
        f"allowed class indices (N,). Try: {SETS}",
    ),
    (
        lambda: form().check_form(torch.zeros(4, dtype=torch.int64, device="meta"), LOGITS),
        "TH-T15: SoftmaxHead got a target on meta for logits on cpu; allowed one device. Try: target.to(logits.device)",
    ),
    (
        of(0, 1, 2),
        "TH-T11: SoftmaxHead got a target of shape (3,) and dtype int64 for logits of shape (4, 3); allowed (4,). "
        "Try: one class index each",
    ),
    (
        of([0], [1], [2], [1]),
        "TH-T11: SoftmaxHead got a target of shape (4, 1) and dtype int64 for logits of shape (4, 3); allowed (4,). "
        "Try: target.squeeze(-1)",
    ),
    (
        of(0.5, 0.25, 0.75, 0.125),
        "TH-T04: SoftmaxHead got floating-point values such as [0.5, 0.25, 0.75] as class indices; allowed integers. "
        "Try: soft_targets=True with one row a class",
    ),
    (
        of(0.0, 1.0, 2.0, 1.0),
        "TH-T03: SoftmaxHead got floating-point numbers as class indices; allowed integers. Try: target.long()",
    ),
    (
        of(False, True, True, True),
        "TH-T08: SoftmaxHead got a torch.bool target of shape (4,); allowed class indices. "
        "Try: target.long() when False and True are the classes 0 and 1",
    ),
    (
        lambda: form().rows(torch.ones(4, dtype=torch.complex64), None),
        "TH-T08: SoftmaxHead got a torch.complex64 target of shape (4,); allowed class indices. "
        "Try: target.long() when False and True are the classes 0 and 1",
    ),
    (
        lambda: form().check_form(torch.ones(4, 3), LOGITS),
        "TH-T05: SoftmaxHead got a target of shape (4, 3) and dtype float32, which looks multi-label; "
        f"allowed class indices (N,). Try: {SETS}",
    ),
    (
        of([0.5, 0.5, 0.0], [0.5, 0.25, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        "TH-T06: SoftmaxHead got rows of classes of shape (4, 3) and dtype float32, which sum to 0.75 at sample 1; "
        f"allowed class indices (N,). Try: {SOFT}",
    ),
    (
        lambda: form().check_form(torch.full((4, 3), 1 / 3), LOGITS),
        "TH-T07: SoftmaxHead got class probabilities of shape (4, 3) and dtype float32; "
        f"allowed class indices (N,). Try: {SOFT}",
    ),
    (
        lambda: form().check_values(torch.tensor([0, 3])),
        "TH-T01: SoftmaxHead got class index 3 at sample 1; allowed 0..2 (num_classes=3). "
        "Try: num_classes=4 (head.num_classes=4), or target - 1 if your classes start at 1",
    ),
    (
        lambda: form().check_values(torch.tensor([0, -2])),
        "TH-T02: SoftmaxHead got class index -2 at sample 1; allowed 0..2. "
        "Try: ignore_index=-2 (head.ignore_index=-2) if it marks unknown rows",
    ),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS, ids=[text[:6] for _, text in TEXTS])
def test_the_whole_text(refused, text):
    with pytest.raises(TargetError) as caught:
        refused()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "target", [torch.eye(4, 3), torch.zeros(4, 3), torch.full((4, 3), 7), torch.zeros(4, 3, dtype=torch.bool)]
)
def test_what_looks_multi_label(target):
    with pytest.raises(TargetError, match="TH-T05"):
        form().check_form(target, LOGITS)


def test_one_hot_rows_are_where_the_indices_are():
    assert form().multi_hot(torch.zeros(2, dtype=torch.int64, device="meta"), torch.float32).is_meta


@pytest.mark.parametrize(
    ("values", "plausible"), [([], True), ([0, 2], True), ([0, 3], False), ([-1, 2], False), ([2, 2], True)]
)
def test_a_quick_look(values, plausible):
    assert form().plausible(torch.tensor(values, dtype=torch.int64)) is plausible


def test_a_last_axis_of_one_is_squeezed_in_images_too():
    with pytest.raises(TargetError, match=r"TH-T11: .*Try: target\.squeeze\(-1\)"):
        form().check_form(torch.zeros(2, 4, 5, 1, dtype=torch.int64), torch.zeros(2, 3, 4, 5))
