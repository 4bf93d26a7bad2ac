"""Linear classifier and sigmoid cross-entropy in chunks: the dense loss and its gradients, in every combination."""

import itertools
import math

import pytest
import torch
from linear_dense import assert_same, dense_binary_cross_entropy, drawn, gradients

from torchheads.errors import TargetError
from torchheads.linear import linear_binary_cross_entropy
from torchheads.targets import LabelLists

C = 11
CHUNKS = [1, 3, 4, 11, 50, None]


def test_by_hand():
    # sigmoid(ln 3) = 3/4: a positive costs ln 4/3, a negative ln 4
    features, weight = torch.ones(1, 1), torch.full((2, 1), math.log(3))
    target = LabelLists.from_lists([[0]], num_classes=2)
    low, high = math.log(4 / 3), math.log(4)

    def loss(**options):
        return pytest.approx(linear_binary_cross_entropy(features, weight, None, target, **options).item())

    pair = torch.tensor([2.0, 5.0])
    assert loss() == low + high
    assert loss(class_weight=pair) == 2 * low + 5 * high
    assert loss(pos_weight=pair) == 2 * low + high  # for positives alone
    assert loss(class_reduction="mean") == (low + high) / 2
    assert loss(label_smoothing=0.2) == 0.9 * low + 0.1 * high + 0.1 * low + 0.9 * high
    weighted = loss(label_smoothing=0.2, pos_weight=pair)
    assert weighted == 2 * 0.9 * low + 0.1 * high + 5 * 0.1 * low + 0.9 * high


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("kind", ["index", "lists"])
def test_every_combination_is_the_dense_loss(kind, chunk):
    names = ("class_weight", "pos_weight", "known")
    switches = itertools.product([0, 1], [0, 1], [0, 1], [0.0, 0.2], [0, 1], ["sum", "mean"])
    for *used, smoothing, biased, reduction in switches:
        for dtype in (torch.float64, torch.float32):
            d = drawn(C, dtype=dtype)
            options = {name: d[name] for name, use in zip(names, used, strict=True) if use}
            inputs = d["inputs"] if biased else [*d["inputs"][:2], None]
            arguments = {**options, "label_smoothing": smoothing, "class_reduction": reduction}
            loss = linear_binary_cross_entropy(*inputs, d[kind], **arguments, chunk_classes=chunk)
            assert loss.dtype == dtype
            exact = 1e-12 if dtype == torch.float64 else 1e-5
            assert_same(loss, dense_binary_cross_entropy(*inputs, d[kind], **arguments), inputs, exact)


@pytest.mark.parametrize("kind", ["index", "lists"])
def test_gradcheck(kind):
    d = drawn(6, rows=4, width=3)
    options = {name: d[name] for name in ("class_weight", "pos_weight")} | {"label_smoothing": 0.1, "chunk_classes": 4}
    assert torch.autograd.gradcheck(lambda *x: linear_binary_cross_entropy(*x, d[kind], **options), d["inputs"])


def test_large_and_realistic_in_float32():
    d = drawn(3000, rows=32, width=64, dtype=torch.float32)
    loss = linear_binary_cross_entropy(*d["inputs"], d["lists"])
    assert_same(loss, dense_binary_cross_entropy(*d["inputs"], d["lists"]), d["inputs"])


@pytest.mark.parametrize("lists", [[[0]], [[]]])
def test_one_class(lists):
    d = drawn(1, rows=1)
    target = LabelLists.from_lists(lists, num_classes=1)
    loss = linear_binary_cross_entropy(*d["inputs"], target)
    assert_same(loss, dense_binary_cross_entropy(*d["inputs"], target), d["inputs"], 1e-12)


def test_logits_far_apart():
    features, weight = torch.tensor([[1e4]], requires_grad=True), torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    loss = linear_binary_cross_entropy(features, weight, None, LabelLists.from_lists([[0, 1]], 4), chunk_classes=3)
    assert loss.item() == 2e4  # right, wrong, wrong, right
    assert gradients(loss, [features])[0].item() == 2


def test_right_and_nearly_certain_keeps_its_digits():
    # 1,000 rows, each right on both classes at |z| = 17: softplus(-17) = 4.14e-8 each, lost beside a sum with 17 in it
    features, weight = torch.full((1000, 1), 17.0), torch.tensor([[1.0], [-1.0]])
    loss = linear_binary_cross_entropy(features, weight, None, torch.zeros(1000, dtype=torch.int64))
    assert loss.item() == pytest.approx(2000 * math.log1p(math.exp(-17)), rel=1e-5)


@pytest.mark.parametrize("target", [torch.zeros(0, dtype=torch.int64), LabelLists.from_lists([], 11)])
def test_no_rows(target):
    d = drawn(C, rows=0)
    loss = linear_binary_cross_entropy(*d["inputs"], target, chunk_classes=4)
    assert loss.item() == 0
    assert not any(gradient.any() for gradient in gradients(loss, d["inputs"]))


def test_nothing_known():
    d = drawn(C)
    for kind in ("index", "lists"):
        loss = linear_binary_cross_entropy(*d["inputs"], d[kind], known=torch.zeros_like(d["known"]))
        assert loss.item() == 0
        assert not any(gradient.any() for gradient in gradients(loss, d["inputs"]))


@pytest.mark.parametrize("label", [0, 3, 4, 7, 8, 10])
def test_labels_at_the_ends_of_chunks(label):
    d = drawn(C)
    target = torch.full((7,), label)
    loss = linear_binary_cross_entropy(*d["inputs"], target, chunk_classes=4)
    assert_same(loss, dense_binary_cross_entropy(*d["inputs"], target), d["inputs"], 1e-12)


@pytest.mark.parametrize(("label", "code"), [(11, "TH-T01: class index 11 in row 2"), (-1, "TH-T02: class index -1")])
def test_a_class_that_there_is_not(label, code):
    d = drawn(C)
    with pytest.raises(TargetError, match=code):
        linear_binary_cross_entropy(*d["inputs"], d["index"].index_fill(0, torch.tensor([2]), label), chunk_classes=4)
