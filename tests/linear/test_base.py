"""Gradients that are formed with the loss: when they are, in which precision, and who holds them afterwards."""

import copy
import math
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from linear_dense import assert_same, dense_binary_cross_entropy, dense_cross_entropy, drawn, gradients
from torch import nn

from torchheads.errors import HeadConfigError, LogitsError
from torchheads.linear import base, linear_binary_cross_entropy, linear_cross_entropy
from torchheads.targets import LabelLists

C = 11
BOTH = pytest.mark.parametrize(
    ("chunked", "dense"),
    [(linear_cross_entropy, dense_cross_entropy), (linear_binary_cross_entropy, dense_binary_cross_entropy)],
    ids=["softmax", "sigmoid"],
)


@pytest.fixture
def made(monkeypatch):
    """Every classifier that is walked, as a list."""
    walked, init = [], base.ChunkedLinear.__init__

    def watched(self, *arguments):
        init(self, *arguments)
        walked.append(self)

    monkeypatch.setattr(base.ChunkedLinear, "__init__", watched)
    return walked


# Which gradients are formed -------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_none_where_none_can_be_asked_for(chunked, dense, mode, made, monkeypatch):
    monkeypatch.setattr(base.ChunkedLinear, "take_slopes", lambda *_: pytest.fail("a gradient was formed"))
    d = drawn(C)
    with mode():
        loss = chunked(*d["inputs"], d["index"], chunk_classes=4)
    assert made[0].gradients == [None, None, None]
    assert not loss.requires_grad
    torch.testing.assert_close(loss.clone(), dense(*d["inputs"], d["index"]).detach())
    chunked(*(x.detach() for x in d["inputs"]), d["index"])  # nor where nothing needs one


@BOTH
@pytest.mark.parametrize("frozen", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)])
def test_what_is_frozen_gets_none(chunked, dense, frozen, made):
    d = drawn(C)
    for place in frozen:
        d["inputs"][place].requires_grad_(False)
    loss = chunked(*d["inputs"], d["index"], chunk_classes=4)
    assert [made[0].gradients[place] for place in frozen] == [None] * len(frozen)
    assert_same(loss, dense(*d["inputs"], d["index"]), d["inputs"], 1e-12)


@BOTH
def test_rows_kept_in_the_gradient_are_not_multiplied_again(chunked, dense, made, monkeypatch):
    rows = []
    multiply = base.ChunkedLinear._multiply
    monkeypatch.setattr(
        base.ChunkedLinear,
        "_multiply",
        lambda self, classes, first: (rows.append(self.rows - first), multiply(self, classes, first))[1],
    )
    d = drawn(C, rows=7, width=5)
    chunked(*d["inputs"], d["index"], chunk_classes=6)
    assert rows == ([7, 7, 2, 2] if chunked is linear_cross_entropy else [7, 7])


# Backward -------------------------------------------------------------------------------------------------------------


@BOTH
def test_the_gradients_formed_become_those_of_the_parameters(chunked, dense, made):
    d = drawn(C)
    loss = chunked(*d["inputs"], d["index"])
    addresses = [gradient.data_ptr() for gradient in made.pop().gradients]
    (loss / 3).backward()
    assert [x.grad.data_ptr() for x in d["inputs"]] == addresses
    dense_inputs = [x.detach().requires_grad_() for x in d["inputs"]]
    (dense(*dense_inputs, d["index"]) / 3).backward()
    for ours, theirs in zip(d["inputs"], dense_inputs, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


@BOTH
def test_a_graph_kept_gives_the_same_twice(chunked, dense):
    d = drawn(C)
    loss = chunked(*d["inputs"], d["index"])
    first = torch.autograd.grad(5 * loss, d["inputs"], retain_graph=True)
    second = torch.autograd.grad(2 * loss, d["inputs"], retain_graph=True)
    third = torch.autograd.grad(loss, d["inputs"])
    for one, two, three in zip(first, second, third, strict=True):
        torch.testing.assert_close(one, 5 * three)
        torch.testing.assert_close(two, 2 * three)


@BOTH
def test_a_graph_that_was_not_kept_is_torchs_own_error(chunked, dense):
    d = drawn(C)
    loss = chunked(*d["inputs"], d["index"])
    loss.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


@BOTH
def test_gradients_add_up(chunked, dense):
    d = drawn(C)
    for _ in range(3):
        chunked(*d["inputs"], d["index"], chunk_classes=4).backward()
    expected = gradients(dense(*d["inputs"], d["index"]), d["inputs"])
    for x, gradient in zip(d["inputs"], expected, strict=True):
        torch.testing.assert_close(x.grad, 3 * gradient)


@BOTH
def test_second_order_is_refused(chunked, dense):
    d = drawn(C)
    loss = chunked(*d["inputs"], d["index"])
    with pytest.raises(HeadConfigError, match="TH-L09: a gradient of a gradient"):
        torch.autograd.grad(loss, d["inputs"], create_graph=True)


# Precision ------------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["index", "lists"])
def test_autocast(chunked, dense, dtype, kind):
    d = drawn(50, rows=20, width=16, dtype=torch.float32)
    with torch.autocast("cpu", dtype):
        loss = chunked(*d["inputs"], d[kind], chunk_classes=16)
    assert loss.dtype == torch.float32
    assert_same(loss, dense(*d["inputs"], d[kind]), d["inputs"], 8 * torch.finfo(dtype).eps)


@BOTH
def test_autocast_with_features_that_are_cast_already(chunked, dense):
    d = drawn(50, rows=20, width=16, dtype=torch.float32)
    features = d["inputs"][0].detach().bfloat16().requires_grad_()
    inputs = [features, *d["inputs"][1:]]
    with torch.autocast("cpu", torch.bfloat16):
        loss = chunked(*inputs, d["index"], chunk_classes=16)
    assert_same(loss, dense(*inputs, d["index"]), inputs, 8 * torch.finfo(torch.bfloat16).eps)


def test_nothing_but_the_products_is_cast():
    features, weight, seen = torch.ones(2, 3), torch.ones(4, 3), []

    def walk(linear):
        seen.extend([torch.is_autocast_enabled("cpu"), linear.logits(slice(0, 4)).dtype, linear.features.dtype])
        return torch.zeros(())

    with torch.autocast("cpu", torch.bfloat16):
        base.summed_loss(features, weight, None, None, SimpleNamespace(loss=walk))
    assert seen == [False, torch.float32, torch.bfloat16]


def test_sums_over_chunks_and_biases_keep_float32_under_autocast():
    # 2,000 slopes of sigmoid(1.001); a sum of bfloat16 would stop growing, and 1.001 would be 1
    features, weight, bias = torch.zeros(1, 1, requires_grad=True), torch.ones(2000, 1), torch.full((2000,), 1.001)
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_binary_cross_entropy(features, weight, bias, LabelLists.from_lists([[]], 2000), chunk_classes=1)
    assert loss.item() == pytest.approx(2000 * math.log1p(math.exp(1.001)), rel=1e-5)
    assert gradients(loss, [features])[0].item() == pytest.approx(2000 / (1 + math.exp(-1.001)), rel=4e-3)


@BOTH
def test_autocast_leaves_float64_alone(chunked, dense):
    d = drawn(C)
    with torch.autocast("cpu", torch.bfloat16):
        loss = chunked(*d["inputs"], d["index"])
    assert_same(loss, dense(*d["inputs"], d["index"]), d["inputs"], 1e-12)


@BOTH
def test_small_probabilities_survive_float16(chunked, dense):
    # exp(-14) = 8.3e-7, of which float16 has one or two digits
    features, weight = torch.ones(4, 8), torch.zeros(20, 8, requires_grad=True)
    bias = torch.tensor([0.0] + [-14.0] * 19)
    with torch.autocast("cpu", torch.float16):
        loss = chunked(features, weight, bias, torch.zeros(4, dtype=torch.int64))
    ours, theirs = (gradients(x, [weight])[0] for x in (loss, dense(features, weight, bias, torch.zeros(4).long())))
    torch.testing.assert_close(ours[1:], theirs[1:], rtol=2e-3, atol=0)


@BOTH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_low_precision(chunked, dense, dtype, made):
    d = drawn(50, rows=20, width=16, dtype=dtype)
    loss = chunked(*d["inputs"], d["lists"], chunk_classes=16)
    assert loss.dtype == torch.float32
    assert made[0].kept_rows == 0  # their gradient is no place for logits in float32
    assert_same(loss, dense(*d["inputs"], d["lists"]), d["inputs"], 8 * torch.finfo(dtype).eps)


@BOTH
def test_mixed_dtypes_are_refused(chunked, dense):
    d = drawn(C)
    with pytest.raises(LogitsError, match=r"TH-L04: features of dtype torch.float32; allowed torch.float64"):
        chunked(d["inputs"][0].float(), *d["inputs"][1:], d["index"])


# In models ------------------------------------------------------------------------------------------------------------


@BOTH
def test_inputs_that_are_not_contiguous(chunked, dense):
    d = drawn(C)
    features, weight, bias = (x.detach() for x in d["inputs"])
    inputs = [features.t().contiguous().t(), weight.t().contiguous().t(), torch.stack([bias, bias], 1)[:, 0]]
    assert not any(x.is_contiguous() for x in inputs)
    inputs = [x.requires_grad_() for x in inputs]
    assert_same(chunked(*inputs, d["index"], chunk_classes=4), dense(*inputs, d["index"]), inputs, 1e-12)


@BOTH
def test_chunks_of_any_size_give_one_result(chunked, dense):
    d = drawn(C)
    whole = chunked(*d["inputs"], d["lists"], chunk_classes=C)
    for size in range(1, C + 2):
        torch.testing.assert_close(chunked(*d["inputs"], d["lists"], chunk_classes=size), whole)


@BOTH
def test_models_are_copied_between_loss_and_backward(chunked, dense):
    d = drawn(C, dtype=torch.float32)
    model = nn.Linear(5, C)
    loss = chunked(d["inputs"][0], model.weight, model.bias, d["index"])
    copied = copy.deepcopy(model)
    loss.backward()
    assert copied.weight.grad is None
    assert torch.equal(copied.weight, model.weight)


@BOTH
def test_a_scaled_loss_is_unscaled_again(chunked, dense):
    d = drawn(C, dtype=torch.float32)
    expected = gradients(dense(*d["inputs"], d["index"]), d["inputs"])
    (2.0**16 * chunked(*d["inputs"], d["index"])).backward()
    for x, gradient in zip(d["inputs"], expected, strict=True):
        torch.testing.assert_close(x.grad / 2**16, gradient)


PROGRAM = """
import torch
from torch import nn
from torchheads.linear import linear_binary_cross_entropy, linear_cross_entropy

torch.manual_seed(0)
for chunked in (linear_cross_entropy, linear_binary_cross_entropy):
    backbone, head = nn.Linear(6, 4), nn.Linear(4, 9)

    def loss(features, target):
        return chunked(backbone(features).relu(), head.weight, head.bias, target, chunk_classes=4) / len(features)

    features, target = torch.randn(3, 6), torch.tensor([0, 8, 4])
    parameters = [*backbone.parameters(), *head.parameters()]
    eager = torch.autograd.grad(loss(features, target), parameters)
    compiled = torch.autograd.grad(torch.compile(loss, backend="aot_eager")(features, target), parameters)
    for one, other in zip(eager, compiled, strict=True):
        torch.testing.assert_close(one, other)
print("same")
"""


def test_compiled_models():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=250)
    assert done.stdout == "same\n", done.stderr
