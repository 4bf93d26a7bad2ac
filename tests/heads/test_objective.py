"""How the loss of a head is put together: rows and their weights, and what is said where torch alone would fail."""

import pytest
import torch
from torch import nn

from torchheads import CrossEntropy, MixedTarget, SigmoidHead, SoftmaxHead
from torchheads.errors import DataError, LogitsError, NonFiniteError, TargetError, TorchHeadsWarning
from torchheads.heads.objective import RowLosses, explain_failure, known_rows, mix, weighted_mean
from torchheads.targets import LabelLists

LOGITS = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, 0.3], [-2.0, 0.1, 0.0]])
INDEX = torch.tensor([2, 0, 1])
MASK = torch.tensor([True, False, True])


def softmax(**options):
    return SoftmaxHead(3, 3, classifier=nn.Identity(), **options)


# Rows and weights -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_have_the_dtype_of_the_losses(dtype):
    values, weight = softmax().row_losses(LOGITS.to(dtype), INDEX, MASK)
    assert values.dtype == weight.dtype == dtype
    assert weight.tolist() == [1, 0, 1]


def test_a_mask_is_one_of_both_halves_of_a_mix():
    mixed = MixedTarget(torch.tensor([2, 9, 1]), torch.tensor([0, 9, 2]), 0.25)
    head = softmax()
    first, second = (head.row_losses(LOGITS, part.where(MASK, 0), MASK) for part in (mixed.first, mixed.second))
    values, weight = head.row_losses(LOGITS, mixed, MASK)
    torch.testing.assert_close(values, 0.25 * first.values + 0.75 * second.values)
    assert weight.tolist() == [1, 0, 1]
    assert head.count(mixed, MASK) == 2
    torch.testing.assert_close(head.loss_from_logits(LOGITS, mixed, MASK), values.sum() / 2)


def test_a_half_without_weights_counts_every_row():
    known = RowLosses(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
    for pair in ((known, RowLosses(known.values, None)), (RowLosses(known.values, None), known)):
        assert mix(torch.tensor(0.5), *pair).weight is None
    assert mix(torch.tensor(0.5), known, known).weight.tolist() == [1, 0]


def test_a_share_does_not_round_float64_losses():
    losses = RowLosses(torch.ones(1, dtype=torch.float64), None)
    assert mix(torch.tensor(0.25), losses, losses).values.dtype == torch.float64


@pytest.mark.parametrize(
    ("values", "weight", "expected"),
    [
        ([3.0, 1.0], None, 2),
        ([3.0, 0.0], [1.0, 0.0], 3),
        ([0.5, 0.0], [0.25, 0.0], 2),
        ([0.0], [0.0], 0),
        ([], None, 0),
    ],
)
def test_a_weighted_mean(values, weight, expected):
    losses = RowLosses(torch.tensor(values), None if weight is None else torch.tensor(weight))
    assert weighted_mean(losses).item() == expected


def test_known_rows_are_counted_without_logits():
    head = SigmoidHead(3, 3, ignore_index=-1)
    sets = torch.tensor([[1.0, 0, -1], [-1, -1, -1], [0, 0, 0]])
    losses = known_rows(head, sets, None)
    assert losses.values.tolist() == [0, 0, 0]
    assert losses.weight.tolist() == [1, 0, 1]
    assert losses.weight.dtype == torch.float32
    lists = LabelLists.from_lists([[0], [], [1, 2]], 3)
    assert known_rows(head, lists, None).weight is None
    assert known_rows(head, lists, None).values.shape == (3,)
    assert known_rows(head, lists, MASK).weight.tolist() == [1, 0, 1]
    assert head.count(lists, MASK) == 2


def test_known_rows_are_where_the_target_is():
    assert known_rows(softmax(), INDEX.to("meta"), None).values.is_meta
    assert known_rows(SigmoidHead(3, 3), LabelLists.from_lists([[0]], 3).to("meta"), None).values.is_meta


def test_what_a_count_refuses_names_the_head():
    with pytest.raises(DataError, match=r"^TH-M14: SoftmaxHead got the list \[0, 1\] as target"):
        softmax().count([0, 1])


# What is said where torch would fail ----------------------------------------------------------------------------------


def test_nothing_is_said_where_nothing_is_wrong():
    explain_failure(softmax(), LOGITS, INDEX, None)
    explain_failure(softmax(), LOGITS, torch.tensor([2, 9, 1]), MASK)
    explain_failure(softmax(), LOGITS, MixedTarget(INDEX, INDEX, 0.5), None)
    explain_failure(SigmoidHead(3, 3), LOGITS, LabelLists.from_lists([[0], [], [1]], 3), MASK)
    explain_failure(softmax(), LOGITS.to("meta"), INDEX.to("meta"), None)  # values that nobody can read


WRONG = {
    "logits": (LogitsError, "TH-L04: logits of shape (3, 2); allowed (N, 3)", LOGITS[:, :2], INDEX),
    "form": (TargetError, "TH-T11: SoftmaxHead got a target of shape (2,)", LOGITS, INDEX[:2]),
    "type": (DataError, "TH-M14: SoftmaxHead got the list [2, 0, 1] as target", LOGITS, [2, 0, 1]),
    "value": (TargetError, "TH-T01: SoftmaxHead got class index 9 at sample 1", LOGITS, torch.tensor([2, 9, 1])),
    "second half": (
        TargetError,
        "TH-T01: SoftmaxHead got class index 9 at sample 1",
        LOGITS,
        MixedTarget(INDEX, torch.tensor([2, 9, 1]), 0.5),
    ),
}


@pytest.mark.parametrize(("error", "text", "logits", "target"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("validate", [True, False])
def test_what_is_wrong_is_said_whoever_asks(error, text, logits, target, validate):
    head = softmax(validate=validate)  # without validation torch fails first, and is then explained
    for ask in (lambda *given: explain_failure(head, *given, None), head.loss_from_logits, head.row_losses):
        with pytest.raises(error) as caught:
            ask(logits, target)
        assert str(caught.value).startswith(text)


def test_what_nobody_can_explain_is_torchs_own():
    class Broken(CrossEntropy):
        def forward(self, logits, target, known=None):
            raise RuntimeError("of its own")

        mean = forward

    for ask in (softmax(criterion=Broken()).loss_from_logits, softmax(criterion=Broken()).row_losses):
        with pytest.raises(RuntimeError, match="of its own"):
            ask(LOGITS, INDEX)


def test_what_a_mask_hides_is_not_to_blame_for_a_failure():
    class Broken(CrossEntropy):
        def forward(self, logits, target, known=None):
            raise RuntimeError("of its own")

        mean = forward

    head = softmax(criterion=Broken())
    for ask in (head.loss_from_logits, head.row_losses):
        with pytest.raises(RuntimeError, match="of its own"):
            ask(LOGITS, torch.tensor([2, 9, 1]), MASK)


def test_without_validation_values_are_not_read():
    head = SigmoidHead(3, 3, classifier=nn.Identity(), validate=False)
    assert head.loss(LOGITS, torch.tensor([[2, 0, 0]] * 3)).isfinite()  # integers: not the usual target


def test_losses_are_looked_at_when_nobody_looks_for_probabilities_any_more():
    logits = torch.tensor([[1.0, -2.0, 3.0]])
    head = softmax(criterion=CrossEntropy([1.0, 0.0, 1.0]))
    head.loss(logits, torch.tensor([0]))
    assert head.probability_batches == -1
    with pytest.warns(TorchHeadsWarning, match="TH-W01"):
        head.loss(logits, torch.tensor([1]))
    with pytest.raises(NonFiniteError, match="TH-L02"):
        head.loss(logits.index_fill(1, torch.tensor([0]), -torch.inf), torch.tensor([0]))


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_values_of_sets_are_read_whatever_the_criterion_refuses(head_class):
    head = head_class(3, 3, label_type="multi", classifier=nn.Identity())
    target = torch.tensor([[1.0, 0, 0], [0, 2.0, 0], [0, 0, 0]])
    with pytest.raises(TargetError, match=r"TH-M03: .* target value 2 at sample 1, label 1"):
        head.loss(LOGITS, target)
