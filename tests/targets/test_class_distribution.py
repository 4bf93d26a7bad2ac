"""Distributions over classes, with plain class indices beside them."""

import pytest
import torch

from torchheads.errors import TargetError
from torchheads.targets import ClassDistribution, LabelLists

LOGITS = torch.zeros(2, 3)
SOFT = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])


def form(ignore_index=None):
    return ClassDistribution(3, ignore_index, "SoftmaxHead")


def test_distributions_and_class_indices_are_both_taken():
    form().check_form(SOFT, LOGITS)
    form().check_values(SOFT)
    form().check_form(torch.tensor([0, 2]), LOGITS)
    form().check_values(torch.tensor([0, 2]))
    assert form().rows(SOFT, None).values is SOFT
    assert form().rows(torch.tensor([0, 2]), None).values.tolist() == [0, 2]


def test_indices_and_one_hot_distributions_are_the_same_rows():
    hot = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])
    by_index, by_row = form().rows(torch.tensor([0, 2]), None), form().rows(hot, None)
    for dtype in (torch.float32, torch.float64):
        for view in (form().distribution, form().multi_hot):
            assert torch.equal(form().multi_hot(view(by_index.values, dtype), dtype), view(by_row.values, dtype))


@pytest.mark.parametrize(
    ("target", "code", "text"),
    [
        (torch.ones(2, 3, dtype=torch.int64), "T11", r"allowed distributions of shape \(2, 3\).*Try: target\.float"),
        (torch.ones(2, 4), "T11", r"\(2, 4\)"),
        (torch.tensor([0.5, 1.0]), "T04", "floating-point"),
        (torch.tensor([0.0, 1.0]), "T03", "floating-point"),
        (torch.ones(2, dtype=torch.bool), "T08", "bool"),
        (torch.zeros(5, dtype=torch.int64), "T11", r"allowed \(2,\)"),
    ],
)
def test_refused_forms(target, code, text):
    with pytest.raises(TargetError, match=f"TH-{code}: SoftmaxHead got .*{text}"):
        form().check_form(target, LOGITS)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ([0.5, 0.4, 0.0], r"sum to 0\.9 at sample 1; allowed .*Try: target / target\.sum"),
        ([0.0, 0.0, 0.0], "sum to 0 at sample 1"),
        ([1.0, 1.0, 0.0], "sum to 2 at sample 1"),
        ([float("nan"), 1.0, 0.0], "sum to nan at sample 1"),
    ],
)
def test_rows_that_do_not_sum_to_one(row, text):
    with pytest.raises(TargetError, match=f"TH-T06: SoftmaxHead got .*{text}"):
        form().check_values(torch.tensor([[0.0, 1.0, 0.0], row]))


def test_a_negative_entry_is_named():
    # the sum is 1, so a message about the sum would say "got 1; allowed 1"
    with pytest.raises(TargetError, match=r"TH-T06: .*-0\.5"):
        form().check_values(torch.tensor([[1.5, -0.5, 0.0]]))


def test_rounding_of_half_precision_is_forgiven():
    form().check_values(torch.full((4, 3), 1 / 3, dtype=torch.float16))


def test_class_indices_out_of_range():
    with pytest.raises(TargetError, match="TH-T01"):
        form().check_values(torch.tensor([0, 3]))
    with pytest.raises(TargetError, match="TH-T02"):
        form().check_values(torch.tensor([0, -1]))
    form(-1).check_values(torch.tensor([0, -1]))


def test_a_row_of_the_ignored_value_is_unknown():
    target = torch.tensor([[0.5, 0.5, 0.0], [-1.0, -1.0, -1.0]])
    form(-1).check_values(target)
    values, known = form(-1).rows(target, None)
    assert known.tolist() == [True, False]
    assert values.tolist() == [[0.5, 0.5, 0.0], [0, 0, 0]]


@pytest.mark.parametrize("ignore_index", [0, 1])
def test_a_distribution_is_not_ignored_for_its_first_entry(ignore_index):
    target = torch.tensor([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    known = form(ignore_index).rows(target, None).known
    assert known is None or known.all()


def test_a_mask_has_one_entry_a_position():
    values, known = form().rows(SOFT, torch.tensor([False, True]))
    assert known.tolist() == [False, True]
    assert values.tolist() == [[0, 0, 0], [0.0, 0.25, 0.75]]


def test_rows_of_images_are_the_positions_in_order():
    target = torch.rand(2, 3, 4, 5).softmax(dim=1)
    values, known = form().rows(target, None)
    assert known is None
    loop = [target[n, :, i, j] for n in range(2) for i in range(4) for j in range(5)]
    assert torch.equal(values, torch.stack(loop))


# The whole text of every refusal --------------------------------------------------------------------------------------

TEXTS = [
    (
        lambda: form().check_form(torch.ones(2, 4), LOGITS),
        "TH-T11: SoftmaxHead got a target of shape (2, 4) and dtype float32; "
        "allowed distributions of shape (2, 3), floating point. Try: target.float() with rows that sum to 1",
    ),
    (
        lambda: form().check_values(torch.tensor([[0.0, 1.0, 0.0], [1.5, -0.5, 0.5]])),
        "TH-T06: SoftmaxHead got entries from -0.5 up that sum to 1.5 at sample 1; "
        "allowed entries >= 0 that sum to 1. Try: target / target.sum(dim=1, keepdim=True)",
    ),
    (
        lambda: form().rows(torch.zeros(3), None),
        "TH-T11: SoftmaxHead got a target of shape (3,) and dtype float32; allowed distributions of shape (N, C). "
        "Try: target.long() for class indices",
    ),
    (
        lambda: form().check_form(LabelLists.from_lists([[0], [1]], 3), LOGITS),
        "TH-T05: SoftmaxHead got LabelLists(2 labels of 2 examples, num_classes=3), which are label sets; "
        'allowed class indices (N,). Try: SigmoidHead, or label_type="multi" (head.label_type=multi)',
    ),
    (
        lambda: form().check_form(SOFT.to("meta"), LOGITS),
        "TH-T15: SoftmaxHead got a target on meta for logits on cpu; allowed one device. Try: target.to(logits.device)",
    ),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS, ids=[text[:6] for _, text in TEXTS])
def test_the_whole_text(refused, text):
    with pytest.raises(TargetError) as caught:
        refused()
    assert str(caught.value) == text


MASK = torch.tensor([False, True])


def test_what_a_mask_hides_is_not_judged():
    target = torch.tensor([[9.0, 9.0, 9.0], [0.0, 0.25, 0.75]])
    form().check_values(target, MASK)
    form().check_values(torch.tensor([7, 2]), MASK)
    for bad in (target, torch.tensor([7, 2])):
        with pytest.raises(TargetError, match="sample 0"):
            form().check_values(bad, ~MASK)
        with pytest.raises(TargetError, match="sample 0"):
            form().check_values(bad)


def test_class_indices_have_masks_too():
    values, known = form().rows(torch.tensor([2, 1]), MASK)
    assert values.tolist() == [0, 1]
    assert known.tolist() == [False, True]


def test_a_mask_of_images_has_one_entry_a_position():
    target, mask = torch.rand(2, 3, 4, 5).softmax(dim=1), torch.rand(2, 4, 5) < 0.5
    values, known = form().rows(target, mask)
    assert torch.equal(known, mask.flatten())
    assert torch.equal(values[known], target.movedim(1, -1)[mask])
    assert not values[~known].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_have_the_dtype_asked_for(dtype):
    assert form().multi_hot(torch.tensor([2, 1]), dtype).dtype == dtype
    assert form().multi_hot(SOFT, dtype).dtype == dtype
    assert form().distribution(SOFT, dtype).dtype == dtype
    assert form().distribution(torch.tensor([2, 1]), dtype).dtype == torch.int64
