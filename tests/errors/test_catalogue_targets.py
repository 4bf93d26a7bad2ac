"""The catalogue of bad input, rows T01 to T14, M01 to M14, L01 to L08: class, code, what came, where, what to type."""

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from torchheads import BinaryCrossEntropy, CrossEntropy, SigmoidHead, SoftmaxHead
from torchheads.errors import (
    DataError,
    HeadConfigError,
    LogitsError,
    NonFiniteError,
    TargetError,
    TorchHeadsError,
    TorchHeadsWarning,
)
from torchheads.targets import LabelLists, MixedTarget

N, C = 4, 3
NAMES = ("cat", "dog", "cow")
HEADS = {"softmax": SoftmaxHead, "sigmoid": SigmoidHead}
NATURAL = {"softmax": "single", "sigmoid": "multi"}
LOGITS = torch.tensor([[2.1, 4.0, 3.2], [0.0, -1.0, 1.0], [0.5, 0.5, -2.0], [1.0, 2.0, 3.0]])


class Row(NamedTuple):
    """One bad input: which heads meet it, on which label type, what is passed, and what the error must say."""

    heads: str
    label_type: str
    target: Any
    error: type[TorchHeadsError]
    parts: tuple[str, ...]  # what came, where, what is allowed, what to type: each must be in the text
    options: dict[str, Any] = {}
    logits: Tensor = LOGITS
    mask: Any = None


def head_of(kind: str, label_type: str, **options: Any) -> Any:
    return HEADS[kind](C, C, label_type=label_type, classifier=nn.Identity(), class_names=NAMES, **options)


def indices(*values: float, dtype: torch.dtype = torch.int64) -> Tensor:
    return torch.tensor(values, dtype=dtype)


def hot(row: int, label: int, value: float) -> Tensor:
    """A multi-hot with one entry changed."""
    target = torch.zeros(N, C)
    target[:, 0] = 1
    target[row, label] = value
    return target


def spatial(bad: int) -> Tensor:
    target = torch.zeros(2, 2, 2, dtype=torch.int64)
    target[1, 0, 1] = bad
    return target


def sparse(target: Tensor) -> Tensor:
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch calls its layout a beta
        return target.to_sparse_csr()


def nested(*rows: list[int]) -> Tensor:
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch calls its layout a prototype
        return torch.nested.nested_tensor([torch.tensor(row) for row in rows])


def with_logit(value: float) -> Tensor:
    """The logits with one of sample 2 changed."""
    logits = LOGITS.clone()
    logits[2, 0] = value
    return logits


BOTH = "softmax sigmoid"
ONE, SETS = "single", "multi"
RANGE = "allowed 0..2, 0 ('cat') to 2 ('cow')"

ROWS = {
    "T01": Row(BOTH, ONE, indices(0, 1, 3, 9), TargetError, ("class index 3 at sample 2", RANGE, "num_classes=4")),
    "T01 spatial": Row(
        BOTH, ONE, spatial(7), TargetError,
        ("class index 7 at sample 1", RANGE, "target - 1 if your classes start at 1"), logits=torch.zeros(2, C, 2, 2),
    ),
    "T01 soft": Row(
        BOTH, ONE, indices(0, 1, 3, 9), TargetError, ("class index 3 at sample 2", "num_classes=4"),
        {"soft_targets": True},
    ),
    "T01 lists": Row(
        BOTH, SETS, lambda: LabelLists.from_lists([[0], [5], [], []], C), TargetError,
        ("label 5 at sample 1", "allowed 0..2", "num_classes=6"),
    ),
    "T02": Row(
        BOTH, ONE, indices(0, -100, 1, 2), TargetError,
        ("class index -100 at sample 1", RANGE, "ignore_index=-100"),
    ),
    "T02 another is ignored": Row(
        BOTH, ONE, indices(0, -100, -1, 2), TargetError, ("class index -100 at sample 1", RANGE), {"ignore_index": -1}
    ),
    "T02 lists": Row(
        BOTH, SETS, lambda: LabelLists.from_lists([[0], [], [-1], []], C), TargetError,
        ("label -1 at sample 2", "allowed 0..2", "leave the label out"),
    ),
    "T03": Row(
        BOTH, ONE, indices(0, 1, 2, 1, dtype=torch.float32), TargetError,
        ("floating-point", "integers", "target.long()"),
    ),
    "T04": Row(
        BOTH, ONE, indices(0.5, 1.5, 2, 0.25, dtype=torch.float32), TargetError,
        ("[0.5, 1.5, 0.25]", "integers", "soft_targets=True"),
    ),
    "T05": Row(
        BOTH, ONE, torch.ones(N, C, dtype=torch.int64), TargetError,
        ("(4, 3)", "multi-label", "SigmoidHead", 'label_type="multi"'),
    ),
    "T05 lists": Row(
        BOTH, ONE, LabelLists.from_lists([[0], [], [1], [2]], C), TargetError,
        ("label sets", "allowed class indices", "SigmoidHead"),
    ),
    "T06": Row(
        BOTH, ONE, torch.tensor([[0.5, 0.5, 0], [0.5, 0.25, 0.5], [1, 0, 0], [1, 0, 0]]), TargetError,
        ("sum to 1.25 at sample 1", "allowed class indices", "soft_targets=True"),
    ),
    "T06 soft": Row(
        BOTH, ONE, torch.tensor([[1.0, 0, 0], [0.5, 0.25, 0.5], [1, 0, 0], [1, 0, 0]]), TargetError,
        ("sum to 1.25 at sample 1", "allowed entries >= 0 that sum to 1", "target / target.sum(dim=1, keepdim=True)"),
        {"soft_targets": True},
    ),
    "T07": Row(
        BOTH, ONE, torch.tensor([[0.5, 0.5, 0], [0.5, 0.25, 0.25], [1, 0, 0]]), TargetError,
        ("class probabilities of shape (3, 3)", "allowed class indices", "soft_targets=True"), logits=LOGITS[:3],
    ),
    "T08": Row(
        BOTH, ONE, torch.tensor([True, False, True, True]), TargetError,
        ("torch.bool", "(4,)", "target.long()"),
    ),
    "T11": Row(BOTH, ONE, indices(0, 1, 2), TargetError, ("(3,)", "(4, 3)", "allowed (4,)", "one class index each")),
    "T11 a column": Row(
        BOTH, ONE, torch.zeros(N, 1, dtype=torch.int64), TargetError,
        ("(4, 1)", "target.squeeze(-1)"),
    ),
    "T11 a scalar": Row(BOTH, ONE, torch.tensor(1), TargetError, ("shape ()", "allowed (4,)")),
    "T11 soft": Row(BOTH, ONE, torch.zeros(3, C), TargetError, ("(3, 3)", "(4, 3)"), {"soft_targets": True}),
    "T11 spatial": Row(
        BOTH, ONE, torch.zeros(2, dtype=torch.int64), TargetError, ("(2,)", "allowed (2, 2, 2)"),
        logits=torch.zeros(2, C, 2, 2),
    ),
    "T15": Row(
        BOTH, ONE, torch.zeros(N, dtype=torch.int32, device="meta"), TargetError,
        ("target on meta for logits on cpu", "target.to(logits.device)"),
    ),
    "T15 soft": Row(
        BOTH, ONE, torch.zeros(N, C, device="meta"), TargetError, ("target on meta for logits on cpu",),
        {"soft_targets": True},
    ),
    "T15 sets": Row(
        BOTH, SETS, torch.zeros(N, C, dtype=torch.bool, device="meta"), TargetError,
        ("target on meta for logits on cpu", "target.to(logits.device)"),
    ),
    "M01": Row(
        BOTH, SETS, indices(0, 1, 2, 1), TargetError,
        ("class indices of shape (4,)", "allowed a multi-hot of shape (4, 3)", "SoftmaxHead", "F.one_hot(target, 3)",
         'label_type="single"'),
    ),
    "M03": Row(
        BOTH, SETS, hot(2, 1, 2.0), TargetError,
        ("value 2 at sample 2, label 1 ('dog')", "allowed 0 and 1", "(target > 0)"),
    ),
    "M03 counts": Row(BOTH, SETS, hot(3, 2, 7).long(), TargetError, ("value 7 at sample 3, label 2 ('cow')",)),
    "M03 infinity": Row(BOTH, SETS, hot(3, 2, math.inf), TargetError, ("value inf at sample 3, label 2 ('cow')",)),
    "M03 sparse": Row(
        BOTH, SETS, lambda: sparse(hot(2, 1, 2.0)), TargetError,
        ("holds 2 at sample 2", "allowed 0 and 1"),
    ),
    "M04": Row(
        BOTH, SETS, hot(1, 0, -1), TargetError,
        ("value -1 at sample 1, label 0 ('cat')", "allowed 0 and 1", "head.ignore_index=-1"),
    ),
    "M05": Row(
        BOTH, SETS, hot(1, 2, math.nan), TargetError,
        ("value nan at sample 1, label 2 ('cow')", "mask=~target.isnan()"),
    ),
    "M05 soft": Row(
        BOTH, SETS, hot(1, 2, math.nan), TargetError,
        ("value nan at sample 1, label 2 ('cow')",), {"soft_targets": True},
    ),
    "M06 more labels": Row(BOTH, SETS, torch.zeros(N, 4), TargetError, ("(4, 4)", "(4, 3)", "one column a class")),
    "M06 an axis more": Row(BOTH, SETS, torch.zeros(N, C, 1), TargetError, ("(4, 3, 1)", "(4, 3)")),
    "M06 a column missing": Row("sigmoid", SETS, torch.zeros(N), TargetError, ("(4,)", "target.unsqueeze(1)")),
    "M06 transposed": Row(BOTH, SETS, torch.zeros(C, N), TargetError, ("(3, 4)", "(4, 3)")),
    "M06 lists": Row(
        BOTH, SETS, LabelLists.from_lists([[0], [1]], C), TargetError,
        ("LabelLists(2 labels of 2 examples", "(4, 3)"),
    ),
    "M06 mask": Row(
        BOTH, SETS, torch.zeros(N, C), TargetError,
        ("mask of shape (4,)", "bool of shape (4, 3)"), mask=torch.ones(N),
    ),
    "M06 a mask that is a list": Row(
        BOTH, ONE, indices(0, 1, 2, 0), TargetError,
        ("mask that is the list [True]", "bool of shape (4,)"), mask=[True],
    ),
    "M13": Row(
        BOTH, SETS, hot(0, 1, 0.25), TargetError,
        ("value 0.25 at sample 0, label 1 ('dog')", "soft_targets=True"),
    ),
    "M14": Row(
        BOTH, SETS, lambda: LabelLists.from_lists([[0], ["dog"], [], []], C), DataError,
        ("sample 1 holds ['dog']", "LabelLists.from_lists([[0, 2]"),
    ),
    "M14 ragged": Row(
        BOTH, SETS, [[0], [0, 1], [], [2]], DataError,
        ("list [[0], [0, 1], [], [2]]", "LabelLists.from_lists(target, num_classes)"),
    ),
    "M14 nested": Row(
        BOTH, SETS, lambda: nested([0], [0, 1]), DataError,
        ("a nested tensor", "target.unbind()"), logits=LOGITS[:2],
    ),
    "M14 a list": Row(BOTH, ONE, [0, 1, 2, 1], DataError, ("the list [0, 1, 2, 1]", "torch.tensor(target)")),
    "M14 an array": Row(
        BOTH, ONE, np.array([0, 1, 2, 1]), DataError,
        ("the ndarray array([0, 1, 2, 1])", "torch.as_tensor(target)"),
    ),
    "M14 a hot array": Row(BOTH, SETS, np.ones((N, C)), DataError, ("the ndarray", "torch.as_tensor(target)")),
    "M14 a word": Row(
        BOTH, ONE, "dog", DataError,
        ("the str 'dog'", "allowed a tensor or LabelLists", "a tensor, or"),
    ),
    "M14 words": Row(BOTH, ONE, ["cat", "dog"], DataError, ("the list ['cat', 'dog']", "torch.tensor(target)")),
    "M14 a number": Row(BOTH, ONE, 3, DataError, ("the int 3",)),
    "M14 an object": Row(BOTH, SETS, {"labels": 3}, DataError, ("the dict {'labels': 3}",)),
    "L01": Row(
        BOTH, "natural", "right", NonFiniteError, ("the loss is nan", "logits of sample 2", "learning rate"),
        logits=with_logit(math.nan),
    ),
    "L02": Row(
        BOTH, "natural", "right", NonFiniteError, ("logits of sample 2", "learning rate"),
        logits=with_logit(-math.inf),
    ),
    "L04 a row": Row(
        BOTH, "natural", "right", LogitsError,
        ("(3,)", "(N, 3) or (N, 3, *spatial)", "logits = head(features)"), logits=LOGITS[0],
    ),
    "L04 a scalar": Row(BOTH, "natural", "right", LogitsError, ("shape ()", "(N, 3)"), logits=torch.tensor(1.0)),
    "L04 other classes": Row(BOTH, "natural", "right", LogitsError, ("(4, 2)", "(N, 3)"), logits=LOGITS[:, :2]),
    "L04 integers": Row(
        BOTH, "natural", "right", LogitsError,
        ("torch.int64", "logits.float()"), logits=LOGITS.long(),
    ),
    "L04 complex": Row(
        BOTH, "natural", "right", LogitsError,
        ("torch.complex64",), logits=LOGITS.to(torch.complex64),
    ),
    "L04 sparse": Row(
        BOTH, "natural", "right", LogitsError, ("torch.sparse_coo", "dense"), {"ignore_index": -1},
        logits=LOGITS.to_sparse(),
    ),
    "L04 an array": Row(
        BOTH, "natural", "right", LogitsError,
        ("ndarray", "torch.as_tensor(logits)"), logits=LOGITS.numpy(),
    ),
    "L04 a list": Row(
        BOTH, "natural", "right", LogitsError,
        ("list", "torch.as_tensor(logits)"), logits=LOGITS.tolist(),
    ),
}  # fmt: skip


def right_target(label_type: str) -> Tensor:
    return indices(0, 1, 2, 1) if label_type == "single" else hot(0, 1, 0.0)


def loss_of(head: Any, row: Row, right: Tensor, mixed: bool) -> Tensor:
    """What a training step does with the row; ``mixed`` pairs its target with itself where such a pair can be made."""
    target = row.target() if isinstance(row.target, Callable) else row.target
    target = right if isinstance(target, str) and target == "right" else target
    if mixed and isinstance(target, Tensor | LabelLists) and not getattr(target, "is_nested", False) and target.shape:
        target = MixedTarget(target, target, 0.5)
    return head.loss_from_logits(row.logits, target, row.mask)


CASES = {f"{name}-{kind}": (kind, name, row) for name, row in ROWS.items() for kind in row.heads.split()}


@pytest.mark.parametrize(("kind", "name", "row"), CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("mixed", [False, True], ids=["plain", "mixed"])
def test_bad_input(kind: str, name: str, row: Row, mixed: bool) -> None:
    label_type = NATURAL[kind] if row.label_type == "natural" else row.label_type
    head = head_of(kind, label_type, **row.options)
    if name == "L02" and kind == "softmax":
        row = row._replace(target=indices(0, 1, 0, 1))  # -inf at the class that is right: elsewhere it is a mask
    with pytest.raises(row.error) as caught:
        loss_of(head, row, right_target(label_type), mixed)
    assert type(caught.value) is row.error
    assert caught.value.code == name.split()[0]
    assert str(caught.value).startswith(f"TH-{caught.value.code}: ")
    for part in row.parts:
        assert part in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["T01", "T02", "T03", "M01", "M03", "M14 a list"])
@pytest.mark.parametrize("ask", ["loss", "nll", "row_losses"])
def test_every_way_in_says_the_same(name: str, ask: str) -> None:
    row = ROWS[name]
    head = head_of("softmax", row.label_type)
    with pytest.raises(row.error) as caught:
        getattr(head, ask)(row.logits, row.target)
    assert caught.value.code == name.split()[0]


def test_unnamed_classes_are_numbers() -> None:
    with pytest.raises(TargetError, match=r"class index 3 at sample 0; allowed 0\.\.2 \(num_classes=3\)"):
        SoftmaxHead(C, C, classifier=nn.Identity()).loss(LOGITS[:1], indices(3))
    with pytest.raises(TargetError, match=r"at sample 0, label 1; allowed"):
        SigmoidHead(C, C, classifier=nn.Identity()).loss(LOGITS[:1], torch.tensor([[0.0, 2.0, 0.0]]))


# What is taken, and must be right -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("label_type", [ONE, SETS])
@pytest.mark.parametrize("how", ["ignored", "masked"])
def test_t09_everything_ignored_teaches_nothing(kind: str, label_type: str, how: str) -> None:
    head = HEADS[kind](2, C, label_type=label_type, ignore_index=-1)
    target, features = right_target(label_type), torch.randn(N, 2, requires_grad=True)
    mask = torch.zeros(target.shape, dtype=torch.bool) if how == "masked" else None
    loss = head.loss(features, target if mask is not None else torch.full_like(target, -1), mask)
    loss.backward()
    assert loss.item() == 0
    assert not features.grad.any()
    assert not head.classifier.weight.grad.any()
    assert head.count(torch.full_like(target, -1)) == 0


@pytest.mark.parametrize("kind", HEADS)
def test_t12_weight_zero_for_all_there_is(kind: str) -> None:
    weight = [1.0, 0.0, 1.0] if kind == "softmax" else [0.0] * C
    criterion = {"softmax": CrossEntropy, "sigmoid": BinaryCrossEntropy}[kind](class_weight=weight)
    head = head_of(kind, ONE, criterion=criterion)
    logits = LOGITS.clone().requires_grad_()
    with pytest.warns(TorchHeadsWarning, match=r"TH-W01: .*class_weight is 0.*Try: larger batches"):
        loss = head.loss(logits, indices(1, 1, 1, 1))
    assert loss.item() == 0
    loss.backward()
    assert not logits.grad.any()


WEIGHTS = {
    "too few": ([1.0, 2.0], r"\(2,\); allowed \(3,\)"),
    "too many": ([1.0] * 4, r"\(4,\); allowed \(3,\)"),
    "negative": ([1.0, -2.0, 1.0], "got -2; allowed finite numbers >= 0"),
    "NaN": ([1.0, math.nan, 1.0], "got nan"),
    "inf": ([1.0, math.inf, 1.0], "got inf"),
    "words": (["a", "b", "c"], r"got \['a', 'b', 'c'\]"),
    "a matrix": ([[1.0] * 3], r"shape \(1, 3\)"),
}


@pytest.mark.parametrize(("weight", "text"), WEIGHTS.values(), ids=WEIGHTS.keys())
@pytest.mark.parametrize(
    ("kind", "criterion", "option", "code"),
    [
        ("softmax", CrossEntropy, "class_weight", "T13"),
        ("sigmoid", BinaryCrossEntropy, "class_weight", "T13"),
        ("sigmoid", BinaryCrossEntropy, "pos_weight", "M08"),
    ],
)
def test_t13_m08_weights(kind: str, criterion: Any, option: str, code: str, weight: Any, text: str) -> None:
    with pytest.raises(HeadConfigError, match=rf"^TH-{code}: {option} .*{text}.*Try: .*{option}"):
        head_of(kind, NATURAL[kind], criterion=criterion(**{option: weight}))


def test_m08_a_positive_weight_of_zero() -> None:
    with pytest.raises(HeadConfigError, match=r"TH-M08: pos_weight holds 0; allowed > 0\. Try: class_weight=0"):
        BinaryCrossEntropy(pos_weight=[1.0, 0.0])


def test_m09_positive_weights_of_many_classes_for_one() -> None:
    with pytest.raises(HeadConfigError, match=r"TH-M08: pos_weight has shape \(3,\); allowed \(1,\)"):
        SigmoidHead(C, 1, criterion=BinaryCrossEntropy(pos_weight=[1.0, 2.0, 3.0]))


@pytest.mark.parametrize("criterion", [CrossEntropy, BinaryCrossEntropy])
@pytest.mark.parametrize("value", [-0.1, 1.0, math.nan, "0.1"])
def test_t14_smoothing(criterion: Any, value: Any) -> None:
    with pytest.raises(HeadConfigError, match=r"TH-T14: label_smoothing=.*; allowed 0 <= label_smoothing < 1\. Try"):
        criterion(label_smoothing=value)


def test_t14_smoothing_gives_nothing_to_a_class_that_is_ruled_out() -> None:
    criterion, logits = CrossEntropy(label_smoothing=0.1), LOGITS.clone()
    logits[:, 2] = -math.inf
    head, without = head_of("softmax", ONE, criterion=criterion), SoftmaxHead(2, 2, classifier=nn.Identity())
    without.criterion = criterion
    torch.testing.assert_close(head.loss(logits, indices(0, 1, 0, 1)), without.loss(LOGITS[:, :2], indices(0, 1, 0, 1)))


@pytest.mark.parametrize("dtype", [torch.int64, torch.int8, torch.uint8, torch.bool, torch.float64, torch.float16])
@pytest.mark.parametrize("kind", HEADS)
def test_m02_t08_label_sets_of_any_dtype(kind: str, dtype: torch.dtype) -> None:
    head, target = head_of(kind, SETS), hot(1, 2, 1.0)
    assert head.loss(LOGITS, target.to(dtype)).item() == head.loss(LOGITS, target).item()


def test_m07_transposed_square_targets_cannot_be_told_apart() -> None:
    head, target = head_of("sigmoid", SETS), torch.tensor([[1.0, 1, 1], [0, 0, 0], [0, 0, 0]])
    right, wrong = (head.loss(LOGITS[:3], one) for one in (target, target.T))
    assert right.isfinite() and wrong.isfinite() and right != wrong  # noqa: PT018


@pytest.mark.parametrize("kind", HEADS)
def test_m12_examples_without_a_label(kind: str) -> None:
    head = head_of(kind, SETS)
    target = torch.zeros(N, C)
    nothing = head.nll(LOGITS, target)
    if kind == "softmax":
        assert nothing.tolist() == [0.0] * N
    else:  # ln(1 + e^z) of each class
        expected = [sum(math.log1p(math.exp(z)) for z in row) for row in LOGITS.tolist()]
        assert nothing.tolist() == pytest.approx(expected, rel=1e-5)
    assert head.count(target) == N


@pytest.mark.parametrize("kind", HEADS)
def test_m13_soft_sets_that_were_asked_for(kind: str) -> None:
    head = head_of(kind, SETS, soft_targets=True)
    assert head.loss(LOGITS, hot(0, 1, 0.25)).isfinite()


def test_t07_soft_targets_that_were_asked_for() -> None:
    target = torch.tensor([[0.5, 0.5, 0], [0.5, 0.25, 0.25], [1, 0, 0]])
    logits = LOGITS[:3].log_softmax(dim=1)
    expected = -(target * logits).sum(dim=1).mean()
    torch.testing.assert_close(head_of("softmax", ONE, soft_targets=True).loss(LOGITS[:3], target), expected)


def test_l02_masking_a_class_that_is_wrong() -> None:
    logits = LOGITS.clone()
    logits[:, 2] = -math.inf
    head, without = head_of("softmax", ONE), SoftmaxHead(2, 2, classifier=nn.Identity())
    torch.testing.assert_close(head.loss(logits, indices(0, 1, 0, 1)), without.loss(LOGITS[:, :2], indices(0, 1, 0, 1)))


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("features", [torch.zeros(2, 5), torch.zeros(4)])
def test_l03_features_of_another_width(kind: str, features: Tensor) -> None:
    with pytest.raises(
        HeadConfigError, match=r"^TH-L03: features of shape .* for in_features=4; allowed .*Try: in_feat"
    ):
        HEADS[kind](4, C).loss(features, right_target(NATURAL[kind])[:2])


FEATURES = {
    "integers": (torch.zeros(N, 4, dtype=torch.int64), "dtype torch.int64", "features.to(torch.float32)"),
    "an array": (np.zeros((N, 4)), "ndarray", "torch.as_tensor(features)"),
    "a list": ([[0.0] * 4] * N, "list", "torch.as_tensor(features)"),
}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize(("features", "came", "remedy"), FEATURES.values(), ids=FEATURES.keys())
def test_l04_features(kind: str, features: Any, came: str, remedy: str) -> None:
    with pytest.raises(LogitsError, match=r"^TH-L04: ") as caught:
        HEADS[kind](4, C).loss(features, right_target(NATURAL[kind]))
    assert came in str(caught.value)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("ask", ["scores", "probabilities", "predict", "calibrated"])
@pytest.mark.parametrize("logits", [LOGITS[0], LOGITS.long(), LOGITS.numpy(), LOGITS.tolist(), "abc", None])
def test_l04_on_the_way_out(ask: str, logits: Any) -> None:
    with pytest.raises(LogitsError, match=r"^TH-L04: logits .*; allowed .*\. Try: "):
        getattr(head_of("softmax", ONE), ask)(logits)


@pytest.mark.parametrize("kind", HEADS)
def test_l05_probabilities_for_logits(kind: str) -> None:
    head, target = head_of(kind, ONE), indices(0, 1, 2, 1)
    probabilities = head.probabilities(LOGITS)
    head.loss(probabilities, target)
    head.loss(probabilities, target)
    with pytest.warns(TorchHeadsWarning, match=f"TH-W03: {HEADS[kind].__name__} got three batches of logits that look"):
        head.loss(probabilities, target)
    head.loss(probabilities, target)  # said once


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_l06_half_precision_is_summed_in_full(kind: str, dtype: torch.dtype) -> None:
    logits = (torch.linspace(-6.5e4, 6.5e4, 3000).view(1000, C)).to(dtype)
    target = torch.arange(1000) % C
    low, full = (head_of(kind, ONE).loss(values, target) for values in (logits, logits.double()))
    assert low.dtype == torch.float32
    assert low.item() == pytest.approx(full.item(), rel=1e-3)


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("label_type", [ONE, SETS])
def test_l07_an_empty_batch(kind: str, label_type: str) -> None:
    head, features = HEADS[kind](2, C, label_type=label_type), torch.zeros(0, 2, requires_grad=True)
    target = right_target(label_type)[:0]
    loss = head.loss(features, target)
    loss.backward()
    assert loss.item() == 0
    assert head.count(target) == 0
    assert not head.classifier.weight.grad.any()
    for ask in (head.scores, head.probabilities):
        assert ask(head(features)).shape == (0, C)
