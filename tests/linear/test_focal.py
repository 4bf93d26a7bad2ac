"""Focal and asymmetric losses in chunks: the dense losses and their gradients."""

import itertools
import math

import pytest
import torch
from linear_dense import assert_same, dense_hot, drawn, gradients
from torch.nn import functional as F

from torchheads.linear import linear_asymmetric, linear_binary_focal
from torchheads.linear.focal import AsymmetricAnswers, FocalAnswers, focused_slope
from torchheads.losses.functional_focal import asymmetric, binary_focal, focused
from torchheads.targets import LabelLists

C = 11
CHUNKS = [4, None]


def dense(entries, inputs, target, known=None, **options):
    """The sum over rows of a dense loss of entries, in float64."""
    logits = F.linear(*(None if x is None else x.double() for x in inputs))
    wide = {name: x.double() if isinstance(x, torch.Tensor) else x for name, x in options.items()}
    losses = entries(logits, dense_hot(target, len(inputs[1])), **wide).sum(dim=1)
    return losses.sum() if known is None else losses[known].sum()


def combinations(names, **fixed):
    """Options with and without each of the names, as ``drawn`` has them."""
    for switches in itertools.product([0, 1], repeat=len(names)):
        yield {**fixed, **{name: True for name, switch in zip(names, switches, strict=True) if switch}}


def check(chunked, entries, names, chunk, **fixed):
    for dtype, kind in ((torch.float64, "index"), (torch.float64, "lists"), (torch.float32, "lists")):
        d = drawn(C, dtype=dtype)
        d["alpha"] = d["class_weight"].sigmoid()
        for options in combinations(names, **fixed):
            options = {name: d[name] if value is True else value for name, value in options.items()}
            inputs = d["inputs"] if "known" in options else [*d["inputs"][:2], None]
            loss = chunked(*inputs, d[kind], **options, chunk_classes=chunk)
            assert loss.dtype == dtype
            exact = 1e-10 if dtype == torch.float64 else 1e-5
            assert_same(loss, dense(entries, inputs, d[kind], **options), inputs, exact)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize(("gamma", "smoothing"), [(0.0, 0.0), (0.5, 0.2), (2.0, 0.0), (2.0, 0.2)])
def test_focal_in_every_combination(gamma, smoothing, chunk):
    names = ("alpha", "class_weight", "pos_weight", "known")
    check(linear_binary_focal, binary_focal, names, chunk, gamma=gamma, label_smoothing=smoothing)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("gammas", [(4.0, 1.0), (0.0, 0.0), (0.5, 2.0)])
@pytest.mark.parametrize("clip", [0.0, 0.05, 0.9])
def test_asymmetric_in_every_combination(gammas, clip, chunk):
    options = {"gamma_neg": gammas[0], "gamma_pos": gammas[1], "clip": clip}
    check(linear_asymmetric, asymmetric, ("class_weight", "known"), chunk, **options)


def test_by_hand():
    # p = (3/4, 1/4), label 0: focal (1/4)^2 ln 4/3 + (1/4)^2 ln 4/3; asymmetric 1/4 ln 4/3 + (1/5)^4 ln 5/4
    features, weight = torch.ones(1, 1), torch.tensor([[math.log(3)], [-math.log(3)]])
    target = LabelLists.from_lists([[0]], num_classes=2)
    loss = linear_binary_focal(features, weight, None, target, chunk_classes=1)
    assert loss.item() == pytest.approx(math.log(4 / 3) / 8)
    loss = linear_asymmetric(features, weight, None, target, chunk_classes=1)
    assert loss.item() == pytest.approx(math.log(4 / 3) / 4 + 0.2**4 * math.log(5 / 4))


@pytest.mark.parametrize("chunked", [linear_binary_focal, linear_asymmetric])
def test_gradcheck(chunked):
    d = drawn(6, rows=4, width=3)
    options = {"class_weight": d["class_weight"], "chunk_classes": 4}
    assert torch.autograd.gradcheck(lambda *x: chunked(*x, d["lists"], **options), d["inputs"])


ANSWERS = {
    "focal": FocalAnswers(2.0, None, None, None, 0.0),
    "smoothed": FocalAnswers(0.5, None, None, None, 0.3),
    "asymmetric": AsymmetricAnswers(4.0, 1.0, 0.05, None),
    "no clip": AsymmetricAnswers(0.5, 0.0, 0.0, None),
}


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_far_apart_have_finite_slopes(answers, dtype):
    logits = torch.tensor([[-1e4, -200.0, -90.0, -17.0, 0.0, 17.0, 90.0, 200.0, 1e4]], dtype=dtype)
    for cost, slope in (answers.no(logits, slice(0, 9)), answers.yes(logits[0], torch.arange(9))):
        assert cost.isfinite().all()
        assert slope.isfinite().all()
        assert (cost >= 0).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_slope_is_that_of_the_cost(gamma):
    logits = torch.linspace(-30, 30, 101, dtype=torch.float64, requires_grad=True)
    cost, slope = focused_slope(logits.detach(), gamma)
    expected = focused(logits, gamma)
    torch.testing.assert_close(cost, expected.detach())
    torch.testing.assert_close(slope, torch.autograd.grad(expected.sum(), logits)[0])


def test_infinite_logits_are_not_hidden_by_the_clip():
    features, weight = torch.full((1, 1), math.inf), torch.ones(2, 1)
    assert linear_asymmetric(features, weight, None, LabelLists.from_lists([[]], 2)).isnan()


@pytest.mark.parametrize("chunked", [linear_binary_focal, linear_asymmetric])
def test_no_rows_and_nothing_known(chunked):
    d = drawn(C)
    loss = chunked(*d["inputs"], d["lists"], known=torch.zeros_like(d["known"]), chunk_classes=4)
    assert loss.item() == 0
    assert not any(gradient.any() for gradient in gradients(loss, d["inputs"]))
