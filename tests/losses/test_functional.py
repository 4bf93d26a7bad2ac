"""Both losses against three witnesses (a literal loop, a reference library, a value by hand), and their edges."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
import torch
from hypothesis import given
from torch.nn import functional as F

from torchheads.losses.functional import binary_cross_entropy, cross_entropy, smooth_distribution, softplus

M, C = 6, 4
FRACTIONS = st.sampled_from([0.0, 0.1, 0.5, 0.9])


def drawn(seed, rows=M, classes=C):
    """Logits, class indices, distributions, sets, weights: all float64, all from one seed."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return {
        "logits": 3 * normal(rows, classes),
        "index": torch.randint(0, classes, (rows,), generator=generator),
        "share": (2 * normal(rows, classes)).softmax(dim=1),
        "sets": (normal(rows, classes) > 0).double(),
        "known": normal(rows, classes) > -0.5,
        "class_weight": normal(classes).exp(),
        "pos_weight": normal(classes).exp(),
    }


def loop_cross_entropy(logits, shares, weight, smoothing, known):
    """The definition, one number at a time; unknown classes are cut out of the row before anything else."""
    losses = []
    for z, q, k in zip(logits.tolist(), shares.tolist(), known.tolist(), strict=True):
        there = [c for c in range(len(z)) if k[c]]
        total = sum(math.exp(z[c]) for c in there)
        mass = sum(q[c] for c in there)
        smooth = {c: (1 - smoothing) * q[c] + smoothing * mass / len(there) for c in there}
        losses.append(-sum(float(weight[c]) * smooth[c] * math.log(math.exp(z[c]) / total) for c in there))
    return torch.tensor(losses, dtype=torch.float64)


def loop_binary(logits, target, weight, pos_weight, smoothing):
    out = torch.zeros_like(logits)
    for m in range(logits.shape[0]):
        for c in range(logits.shape[1]):
            p = 1 / (1 + math.exp(-float(logits[m, c])))
            t = (1 - smoothing) * float(target[m, c]) + smoothing / 2
            out[m, c] = -float(weight[c]) * (float(pos_weight[c]) * t * math.log(p) + (1 - t) * math.log(1 - p))
    return out


# Softmax cross-entropy ------------------------------------------------------------------------------------------------


def test_cross_entropy_by_hand():
    # z = (ln 2, 0, ln 5): exp 2, 1, 5; probabilities 1/4, 1/8, 5/8; class 1 costs ln 8 = 2.0794.
    logits = torch.tensor([[math.log(2), 0.0, math.log(5)]], dtype=torch.float64)
    index = torch.tensor([1])
    assert cross_entropy(logits, index).item() == pytest.approx(math.log(8))
    # weight 3 for class 1: 3 ln 8
    weight = torch.tensor([1.0, 3.0, 1.0], dtype=torch.float64)
    assert cross_entropy(logits, index, weight).item() == pytest.approx(3 * math.log(8))
    # half on class 0, half on class 1: (ln 4 + ln 8) / 2 = 1.7329
    half = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    assert cross_entropy(logits, half).item() == pytest.approx((math.log(4) + math.log(8)) / 2)
    # smoothing 0.3 on class 1: 0.8 ln 8 + 0.1 ln 4 + 0.1 ln 1.6
    smooth = cross_entropy(logits, index, label_smoothing=0.3).item()
    assert smooth == pytest.approx(0.8 * math.log(8) + 0.1 * math.log(4) + 0.1 * math.log(1.6))
    # class 2 unknown: exp 2, 1; probabilities 2/3, 1/3; class 1 costs ln 3
    hot, known = F.one_hot(index, 3).double(), torch.tensor([[True, True, False]])
    assert cross_entropy(logits, hot, known=known).item() == pytest.approx(math.log(3))


@given(st.integers(0, 10**6), FRACTIONS)
def test_cross_entropy_is_the_loop(seed, smoothing):
    d = drawn(seed)
    everything = torch.ones_like(d["known"])
    hot = F.one_hot(d["index"], C).double()
    by_index = cross_entropy(d["logits"], d["index"], d["class_weight"], smoothing)
    torch.testing.assert_close(by_index, loop_cross_entropy(d["logits"], hot, d["class_weight"], smoothing, everything))
    by_share = cross_entropy(d["logits"], d["share"], d["class_weight"], smoothing)
    torch.testing.assert_close(
        by_share, loop_cross_entropy(d["logits"], d["share"], d["class_weight"], smoothing, everything)
    )
    torch.testing.assert_close(cross_entropy(d["logits"], hot, d["class_weight"], smoothing), by_index)


@given(st.integers(0, 10**6), FRACTIONS)
def test_unknown_classes_leave_the_row(seed, smoothing):
    d = drawn(seed)
    known = d["known"] | F.one_hot(d["index"], C).bool()  # at least one class is known
    share = d["share"] * known
    loss = cross_entropy(d["logits"], share, d["class_weight"], smoothing, known)
    torch.testing.assert_close(loss, loop_cross_entropy(d["logits"], share, d["class_weight"], smoothing, known))


def test_cross_entropy_is_sklearns_log_loss():
    d = drawn(1, rows=50)
    expected = sklearn.metrics.log_loss(d["index"], d["logits"].softmax(dim=1).numpy(), labels=range(C))
    assert cross_entropy(d["logits"], d["index"]).mean().item() == pytest.approx(expected, rel=1e-9)


def test_cross_entropy_is_scipys():
    d = drawn(2)
    log_p = scipy.special.log_softmax(d["logits"].numpy(), axis=1)
    expected = -(d["share"].numpy() * log_p).sum(axis=1)
    np.testing.assert_allclose(cross_entropy(d["logits"], d["share"]).numpy(), expected, rtol=1e-12)
    kl = scipy.special.rel_entr(d["share"].numpy(), np.exp(log_p)).sum(axis=1)
    entropy = scipy.special.entr(d["share"].numpy()).sum(axis=1)
    np.testing.assert_allclose(expected, kl + entropy, rtol=1e-12)


# Binary cross-entropy -------------------------------------------------------------------------------------------------


def test_binary_cross_entropy_by_hand():
    # sigmoid(ln 3) = 3/4: a positive costs ln 4/3 = 0.2877, a negative ln 4 = 1.3863.
    logits = torch.full((1, 2), math.log(3), dtype=torch.float64)
    target = torch.tensor([[1.0, 0.0]], dtype=torch.float64)

    def entries(**options):
        return pytest.approx(binary_cross_entropy(logits, target, **options)[0].tolist())

    pair = torch.tensor([2.0, 5.0], dtype=torch.float64)
    assert entries() == [math.log(4 / 3), math.log(4)]
    assert entries(class_weight=pair) == [2 * math.log(4 / 3), 5 * math.log(4)]
    assert entries(pos_weight=pair) == [2 * math.log(4 / 3), math.log(4)]  # for positives alone
    # smoothing 0.2: 1 becomes 0.9 and 0 becomes 0.1
    low, high = math.log(4 / 3), math.log(4)
    assert entries(label_smoothing=0.2) == [0.9 * low + 0.1 * high, 0.1 * low + 0.9 * high]


@given(st.integers(0, 10**6), FRACTIONS)
def test_binary_cross_entropy_is_the_loop(seed, smoothing):
    d = drawn(seed)
    for target in (d["sets"], d["share"]):
        weights = (d["class_weight"], d["pos_weight"], smoothing)
        torch.testing.assert_close(
            binary_cross_entropy(d["logits"], target, *weights), loop_binary(d["logits"], target, *weights)
        )


def test_binary_cross_entropy_is_sklearns_log_loss_of_each_class():
    d = drawn(3, rows=50)
    probabilities = d["logits"].sigmoid().numpy()
    for c in range(C):
        expected = sklearn.metrics.log_loss(d["sets"][:, c], probabilities[:, c], labels=[0, 1])
        mean = binary_cross_entropy(d["logits"], d["sets"])[:, c].mean().item()
        assert mean == pytest.approx(expected, rel=1e-9)


def test_binary_cross_entropy_is_scipys():
    d = drawn(4)
    z, y = d["logits"].numpy(), d["sets"].numpy()
    expected = -(y * scipy.special.log_expit(z) + (1 - y) * scipy.special.log_expit(-z))
    np.testing.assert_allclose(binary_cross_entropy(d["logits"], d["sets"]).numpy(), expected, rtol=1e-12)


def test_a_two_class_softmax_is_a_sigmoid_of_the_difference():
    d = drawn(5, classes=2)
    index = d["index"]
    pair = cross_entropy(d["logits"], index)
    one = binary_cross_entropy(d["logits"][:, 1:] - d["logits"][:, :1], index[:, None].double())
    torch.testing.assert_close(pair, one[:, 0])


# Smoothing ------------------------------------------------------------------------------------------------------------


def test_smoothing_by_hand():
    # 0.4 of the mass is spread over 4 classes: 0.1 each; an empty row stays empty
    mixed = smooth_distribution(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0]]), 0.4)
    torch.testing.assert_close(mixed, torch.tensor([[0.7, 0.1, 0.1, 0.1], [0, 0, 0, 0]]))
    # with two classes known, over these two: 0.2 each
    known = torch.tensor([[True, True, False, False]])
    mixed = smooth_distribution(torch.tensor([[1.0, 0, 0, 0]]), 0.4, known)
    torch.testing.assert_close(mixed, torch.tensor([[0.8, 0.2, 0, 0]]))


@given(st.integers(0, 10**6), FRACTIONS)
def test_smoothing_keeps_the_mass(seed, smoothing):
    d = drawn(seed)
    share = d["share"] * d["known"]
    mixed = smooth_distribution(share, smoothing, d["known"])
    torch.testing.assert_close(mixed.sum(dim=1), share.sum(dim=1))
    assert not mixed[~d["known"]].any()


def test_nothing_known_is_nothing_to_smooth():
    assert not smooth_distribution(torch.zeros(2, 3), 0.1, torch.zeros(2, 3, dtype=torch.bool)).any()


# Gradients ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["index", "share", "sets", "known"])
def test_gradients_of_cross_entropy(kind, weighted, smoothing):
    d = drawn(6)
    weight = d["class_weight"] if weighted else None
    known = d["known"] if kind == "known" else None
    target = d["sets"] * d["known"] / 2 if kind == "known" else d[kind]
    logits = d["logits"].requires_grad_()
    assert torch.autograd.gradcheck(lambda z: cross_entropy(z, target, weight, smoothing, known), logits)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("names", [(), ("class_weight",), ("pos_weight",), ("class_weight", "pos_weight")])
def test_gradients_of_binary_cross_entropy(names, smoothing):
    d = drawn(7)
    options = {name: d[name] for name in names} | {"label_smoothing": smoothing}
    logits = d["logits"].requires_grad_()
    assert torch.autograd.gradcheck(lambda z: binary_cross_entropy(z, d["sets"], **options), logits)


def test_gradients_are_what_they_should_be():
    # softmax - one hot, and sigmoid - target
    d = drawn(8)
    logits = d["logits"].requires_grad_()
    (grad,) = torch.autograd.grad(cross_entropy(logits, d["index"]).sum(), logits)
    torch.testing.assert_close(grad, logits.softmax(dim=1) - F.one_hot(d["index"], C))
    (grad,) = torch.autograd.grad(binary_cross_entropy(logits, d["sets"]).sum(), logits)
    torch.testing.assert_close(grad, logits.sigmoid() - d["sets"])


# Edges ----------------------------------------------------------------------------------------------------------------

EXTREMES = torch.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4]])


@pytest.mark.parametrize("known", [None, torch.tensor([[True, True, False], [True, False, True]])])
def test_extreme_logits_of_cross_entropy(known):
    logits = EXTREMES.clone().requires_grad_()
    hot = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    loss = cross_entropy(logits, hot, known=known)
    assert loss.tolist() == [2e4, 2e4]  # as far apart as the logits are
    loss.sum().backward()
    assert logits.grad.tolist() == [[1, -1, 0], [-1, 0, 1]]


def test_extreme_logits_of_binary_cross_entropy():
    logits = EXTREMES.clone().requires_grad_()
    target = torch.tensor([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    loss = binary_cross_entropy(logits, target)
    torch.testing.assert_close(loss, torch.tensor([[1e4, 1e4, math.log(2)], [0, 1e4, 0]]))
    loss.sum().backward()
    assert logits.grad.tolist() == [[1, -1, -0.5], [0, -1, 0]]


def test_a_class_ruled_out_costs_nothing_where_it_is_wrong():
    logits = torch.tensor([[-math.inf, 0.0, 0.0]])
    assert cross_entropy(logits, torch.tensor([1])).item() == pytest.approx(math.log(2))
    assert cross_entropy(logits, torch.tensor([0])).item() == math.inf


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    d = drawn(9)
    tolerance = {"rtol": 20 * torch.finfo(dtype).eps, "atol": 20 * torch.finfo(dtype).eps}
    logits = d["logits"].to(dtype)
    for loss, exact in [
        (cross_entropy(logits, d["index"]), cross_entropy(d["logits"], d["index"])),
        (binary_cross_entropy(logits, d["sets"].to(dtype)), binary_cross_entropy(d["logits"], d["sets"])),
    ]:
        assert loss.dtype == dtype
        torch.testing.assert_close(loss.double(), exact, **tolerance)


@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_and_one_row(rows):
    d = drawn(10, rows=rows)
    assert cross_entropy(d["logits"], d["index"]).shape == (rows,)
    assert cross_entropy(d["logits"], d["share"], None, 0.1, d["known"]).shape == (rows,)
    assert binary_cross_entropy(d["logits"], d["sets"]).shape == (rows, C)


def test_a_row_without_mass_costs_nothing_and_pulls_nowhere():
    logits = torch.randn(2, 3, requires_grad=True)
    for smoothing in (0.0, 0.3):
        loss = cross_entropy(logits, torch.zeros(2, 3), label_smoothing=smoothing)
        assert loss.tolist() == [0, 0]
        (grad,) = torch.autograd.grad(loss.sum(), logits)
        assert not grad.any()


def test_a_row_of_unknown_classes_costs_nothing_and_pulls_nowhere():
    logits = torch.randn(2, 3, requires_grad=True)
    loss = cross_entropy(logits, torch.zeros(2, 3), None, 0.1, torch.zeros(2, 3, dtype=torch.bool))
    assert loss.tolist() == [0, 0]
    loss.sum().backward()
    assert not logits.grad.any()


@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5]])
def test_smoothing_spreads_over_the_classes_that_are_not_ruled_out(weight):
    logits = torch.tensor([[0.3, -math.inf, 1.0], [-math.inf, 0.5, 0.2]])
    index, kept = torch.tensor([2, 1]), [[0, 2], [1, 2]]
    given = None if weight is None else torch.tensor(weight)
    losses = cross_entropy(logits, index, given, 0.3)
    for row, classes in enumerate(kept):
        few = None if given is None else given[classes]
        alone = cross_entropy(logits[row : row + 1, classes], torch.tensor([classes.index(index[row])]), few, 0.3)
        torch.testing.assert_close(losses[row : row + 1], alone)


@pytest.mark.parametrize("value", [19.0, 21.0, 25.0, 33.0, 50.0])
def test_softplus_keeps_the_digits_of_float64(value):
    exact = value + math.log1p(math.exp(-value))
    assert softplus(torch.tensor(value, dtype=torch.float64)).item() == pytest.approx(exact, rel=2e-16, abs=0)
