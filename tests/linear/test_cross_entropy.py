"""Linear classifier and softmax cross-entropy in chunks: the dense loss and its gradients, in every combination."""

import itertools
import math

import pytest
import torch
from linear_dense import assert_same, dense_cross_entropy, drawn, gradients

from torchheads.errors import TargetError
from torchheads.linear import linear_cross_entropy
from torchheads.linear.cross_entropy import Partition
from torchheads.targets import LabelLists

C = 11
CHUNKS = [1, 3, 4, 11, 50, None]


def test_by_hand():
    # W h = (ln 2, 0, ln 5) for h = 1: exp 2, 1, 5; class 1 costs ln 8, class 2 costs ln 8/5
    features = torch.ones(2, 1)
    weight = torch.tensor([[math.log(2)], [0.0], [math.log(5)]])
    loss = linear_cross_entropy(features, weight, None, torch.tensor([1, 2]), chunk_classes=2)
    assert loss.item() == pytest.approx(math.log(8) + math.log(8 / 5))
    # the set {0, 1}: (ln 4 + ln 8) / 2; the empty set: nothing
    lists = LabelLists.from_lists([[0, 1], []], num_classes=3)
    loss = linear_cross_entropy(features, weight, None, lists, chunk_classes=2)
    assert loss.item() == pytest.approx((math.log(4) + math.log(8)) / 2)
    # smoothing 0.3 on class 1: 0.8 ln 8 + 0.1 ln 4 + 0.1 ln 1.6
    loss = linear_cross_entropy(features[:1], weight, None, torch.tensor([1]), label_smoothing=0.3)
    assert loss.item() == pytest.approx(0.8 * math.log(8) + 0.1 * math.log(4) + 0.1 * math.log(1.6))


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("kind", ["index", "lists"])
def test_every_combination_is_the_dense_loss(kind, chunk):
    names = ("class_weight", "known")
    for weighted, masked, smoothing, biased in itertools.product([0, 1], [0, 1], [0.0, 0.2], [0, 1]):
        for dtype in (torch.float64, torch.float32):
            d = drawn(C, dtype=dtype)
            options = {name: d[name] for name, use in zip(names, (weighted, masked), strict=True) if use}
            inputs = d["inputs"] if biased else [*d["inputs"][:2], None]
            arguments = {**options, "label_smoothing": smoothing}
            loss = linear_cross_entropy(*inputs, d[kind], **arguments, chunk_classes=chunk)
            assert loss.dtype == dtype
            exact = 1e-12 if dtype == torch.float64 else 1e-5
            assert_same(loss, dense_cross_entropy(*inputs, d[kind], **arguments), inputs, exact)


@pytest.mark.parametrize(("rows", "width"), [(5, 5), (4, 9), (9, 2), (40, 3), (1, 1)])
def test_rows_that_fit_into_the_gradient_and_rows_that_do_not(rows, width):
    d = drawn(C, rows=rows, width=width)
    loss = linear_cross_entropy(*d["inputs"], d["index"], chunk_classes=4)
    assert_same(loss, dense_cross_entropy(*d["inputs"], d["index"]), d["inputs"], 1e-12)


@pytest.mark.parametrize("kind", ["index", "lists"])
def test_gradcheck(kind):
    d = drawn(6, rows=4, width=3)
    options = {"class_weight": d["class_weight"], "label_smoothing": 0.1, "chunk_classes": 4}
    assert torch.autograd.gradcheck(lambda *x: linear_cross_entropy(*x, d[kind], **options), d["inputs"])


def test_large_and_realistic_in_float32():
    d = drawn(3000, rows=32, width=64, dtype=torch.float32)
    assert_same(
        linear_cross_entropy(*d["inputs"], d["index"]), dense_cross_entropy(*d["inputs"], d["index"]), d["inputs"]
    )


def test_logits_far_apart():
    features = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0], [0.0]], requires_grad=True)
    loss = linear_cross_entropy(features, weight, None, torch.tensor([1, 1]), chunk_classes=1)
    assert loss.item() == 2e4  # 20000 and nothing
    grad_features, grad_weight = gradients(loss, [features, weight])
    assert grad_features.tolist() == [[2], [0]]
    assert grad_weight.tolist() == [[1e4], [-1e4], [0]]


def test_a_nearly_certain_row_keeps_its_digits():
    # the others are exp(-16) each: ln(1 + 2 exp(-16)) = 2.25e-7, which float32 loses beside a logit of 16
    features, weight = torch.tensor([[16.0]], requires_grad=True), torch.tensor([[1.0], [0.0], [0.0]])
    loss = linear_cross_entropy(features, weight, None, torch.tensor([0]), chunk_classes=2)
    assert loss.item() == pytest.approx(2 * math.exp(-16), rel=0.1)


@pytest.mark.parametrize(("out", "left"), [(slice(0, 3), slice(3, 6)), (slice(3, 6), slice(0, 3))])
def test_classes_ruled_out_by_their_bias(out, left):
    features, weight, bias = drawn(6)["inputs"]
    bias = torch.zeros(6, dtype=torch.float64).index_fill(0, torch.arange(6)[out], -math.inf)
    target = torch.full((len(features),), left.start)
    loss = linear_cross_entropy(features, weight, bias, target, chunk_classes=2)
    dense = dense_cross_entropy(features, weight[left], None, torch.zeros_like(target))
    assert_same(loss, dense, [features, weight], 1e-12)


@pytest.mark.parametrize("target", [torch.zeros(0, dtype=torch.int64), LabelLists.from_lists([], 11)])
def test_no_rows(target):
    d = drawn(C, rows=0)
    loss = linear_cross_entropy(*d["inputs"], target, chunk_classes=4)
    assert loss.item() == 0
    assert not any(gradient.any() for gradient in gradients(loss, d["inputs"]))


def test_nothing_known():
    d = drawn(C)
    for kind in ("index", "lists"):
        loss = linear_cross_entropy(*d["inputs"], d[kind], known=torch.zeros_like(d["known"]), label_smoothing=0.1)
        assert loss.item() == 0
        assert not any(gradient.any() for gradient in gradients(loss, d["inputs"]))


def test_only_empty_sets():
    d = drawn(C)
    loss = linear_cross_entropy(*d["inputs"], LabelLists.from_lists([[]] * 7, C), label_smoothing=0.1, chunk_classes=3)
    assert loss.item() == 0
    assert not any(gradient.any() for gradient in gradients(loss, d["inputs"]))


def test_what_is_not_known_may_be_anything():
    d = drawn(C)
    features, weight, bias = d["inputs"]
    known = torch.tensor([True] * 6 + [False])
    spoilt = features.detach().clone().index_fill(0, torch.tensor([6]), math.nan).requires_grad_()
    index = d["index"].index_fill(0, torch.tensor([6]), -1)
    loss = linear_cross_entropy(spoilt, weight, bias, index, known=known)
    grads = gradients(loss, [spoilt, weight, bias])
    dense = dense_cross_entropy(features[:6], weight, bias, index[:6])
    expected = gradients(dense, d["inputs"])
    for ours, theirs in zip(grads, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_labels_that_come_twice_count_once():
    d = drawn(C)
    twice = LabelLists.from_lists([[3, 3, 4]] * 7, C)
    once = LabelLists.from_lists([[3, 4]] * 7, C)
    assert torch.equal(
        linear_cross_entropy(*d["inputs"], twice, chunk_classes=4),
        linear_cross_entropy(*d["inputs"], once, chunk_classes=4),
    )


@pytest.mark.parametrize("label", [0, 3, 4, 7, 8, 10])
def test_labels_at_the_ends_of_chunks(label):
    d = drawn(C)
    target = torch.full((7,), label)
    loss = linear_cross_entropy(*d["inputs"], target, chunk_classes=4)
    assert_same(loss, dense_cross_entropy(*d["inputs"], target), d["inputs"], 1e-12)


@pytest.mark.parametrize(("label", "code"), [(11, "TH-T01: class index 11 in row 2"), (-1, "TH-T02: class index -1")])
def test_a_class_that_there_is_not(label, code):
    d = drawn(C)
    with pytest.raises(TargetError, match=code):
        linear_cross_entropy(*d["inputs"], d["index"].index_fill(0, torch.tensor([2]), label), chunk_classes=4)


def test_a_partition_is_the_sum_of_exponentials():
    logits = 5 * torch.randn(4, 9, dtype=torch.float64)
    partition = Partition(4, like=logits)
    for part in logits.clone().split(2, dim=1):
        partition.add(part)
    torch.testing.assert_close(partition.top, logits.amax(dim=1))
    torch.testing.assert_close(partition.top + partition.total.log(), logits.logsumexp(dim=1))
