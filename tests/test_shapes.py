"""Rows and their way back against loops over positions; what cannot be logits or features is refused."""

import copy

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

from torchheads.errors import HeadConfigError, LogitsError
from torchheads.shapes import check_logits, classify, rows, unrows

SHAPES = st.tuples(st.integers(0, 3), st.integers(1, 4), st.lists(st.integers(1, 3), max_size=3)).map(
    lambda parts: (parts[0], parts[1], *parts[2])
)


def numbered(shape):
    return torch.arange(float(torch.Size(shape).numel())).reshape(shape)


def test_rows_by_hand():
    # (1, 2, 1, 3): class 0 holds 0 1 2, class 1 holds 3 4 5; the position j has the row (j, j + 3).
    assert rows(numbered((1, 2, 1, 3))).tolist() == [[0, 3], [1, 4], [2, 5]]


def test_rows_are_the_positions_in_order():
    values = numbered((2, 3, 4, 5))
    loop = [values[n, :, i, j] for n in range(2) for i in range(4) for j in range(5)]
    assert torch.equal(rows(values), torch.stack(loop))


def test_rows_of_plain_logits_are_a_view():
    values = numbered((2, 3))
    assert rows(values) is values
    assert unrows(values, like=values) is values


@given(SHAPES)
def test_unrows_undoes_rows(shape):
    values = numbered(shape)
    assert rows(values).shape == (values.numel() // shape[1], shape[1])
    assert torch.equal(unrows(rows(values), like=values), values)


@given(SHAPES)
def test_check_logits_takes_what_is_right(shape):
    check_logits(numbered(shape), shape[1])


@pytest.mark.parametrize("shape", [(), (3,), (3, 2), (2, 2, 3), (3, 0)])
def test_logits_of_a_wrong_shape(shape):
    with pytest.raises(LogitsError, match=r"TH-L04: logits of shape .*; allowed \(N, 3\).*Try: logits = head\(feat"):
        check_logits(torch.zeros(shape), 3)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_logits_of_a_wrong_dtype(dtype):
    with pytest.raises(LogitsError, match=r"TH-L04: logits of dtype .*; allowed floating point\. Try: logits\.float"):
        check_logits(torch.zeros(2, 3, dtype=dtype), 3)


@pytest.mark.parametrize("spatial", [(), (5,), (2, 3), (2, 1, 2)])
def test_a_linear_classifier_at_every_position(spatial):
    linear, features = nn.Linear(4, 3), torch.randn(2, 4, *spatial)
    logits = classify(linear, features, 4)
    assert logits.shape == (2, 3, *spatial)
    for n in range(2):
        for place in torch.ones(spatial).nonzero().tolist():
            here = (n, slice(None), *place)
            torch.testing.assert_close(logits[here], linear.weight @ features[here] + linear.bias)


def hooked(linear):
    linear.register_forward_hook(lambda *_: None)
    return linear


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", ["channels first", "channels last", "every other"])
def test_a_plain_linear_and_one_with_a_hook_agree_at_every_position(dtype, bias, layout):
    linear = nn.Linear(4, 3, bias=bias, dtype=dtype)
    features = torch.randn(2, 4, 6, 6, dtype=dtype, requires_grad=True)
    laid = {"channels last": features.to(memory_format=torch.channels_last), "every other": features[..., ::2]}
    results = []
    for classifier in (linear, hooked(copy.deepcopy(linear))):
        logits = classify(classifier, laid.get(layout, features), 4)
        gradients = torch.autograd.grad(logits.square().sum(), [features, *classifier.parameters()])
        results.append((logits, *gradients))
    digits = {"rtol": 0.05, "atol": 0.05} if dtype == torch.bfloat16 else {}  # the one rounds before it adds the bias
    torch.testing.assert_close(*results, **digits)


def test_the_hooks_of_a_classifier_are_called_at_every_position():
    linear, seen = nn.Linear(4, 3), []
    linear.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    classify(linear, torch.randn(2, 4, 5), 4)
    assert seen == [(2, 5, 4)]


def test_what_is_exported_takes_any_number_of_positions():
    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, features):
            return classify(self.linear, features, 4)

    dims = {0: torch.export.Dim("examples"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    model = Positions()
    program = torch.export.export(model, (torch.randn(2, 4, 5, 6),), dynamic_shapes=(dims,)).module()
    for shape in ((2, 4, 5, 6), (7, 4, 3, 9)):
        torch.testing.assert_close(program(features := torch.randn(shape)), model(features))


@pytest.mark.parametrize("shape", [(0, 4, 5), (2, 4, 0), (2, 4, 3, 0)])
def test_no_positions(shape):
    assert classify(nn.Linear(4, 3), torch.zeros(shape), 4).shape == (shape[0], 3, *shape[2:])


def test_any_other_classifier_gets_the_features_as_they_are():
    features = torch.randn(2, 4, 5, 5)
    conv = nn.Conv2d(4, 3, 1)
    assert torch.equal(classify(conv, features, 4), conv(features))
    assert classify(nn.Identity(), features, 4) is features


@pytest.mark.parametrize(("shape", "remedy"), [((2, 5), "in_features=5"), ((4,), "the width of the features")])
def test_features_of_a_wrong_width(shape, remedy):
    with pytest.raises(HeadConfigError, match=rf"TH-L03: features of shape .* for in_features=4; .*Try: .*{remedy}"):
        classify(nn.Linear(4, 3), torch.zeros(shape), 4)


FEATURES = {
    "a list": ([[0.0] * 4], r"features that are a list; allowed a tensor\. Try: torch\.as_tensor\(features\)"),
    "an array": (np.zeros((2, 4)), "features that are a ndarray"),
    "None": (None, "features that are a NoneType"),
    "integers": (
        torch.zeros(2, 4, dtype=torch.int64),
        r"features of dtype torch\.int64; allowed torch\.float32.*Try: features\.to",
    ),
    "halves": (torch.zeros(2, 4, dtype=torch.float16), r"features of dtype torch\.float16; allowed torch\.float32"),
    "complex": (torch.zeros(2, 4, dtype=torch.complex64), r"features of dtype torch\.complex64"),
    "elsewhere": (
        torch.zeros(2, 4, device="meta"),
        r"features on meta; allowed cpu.*Try: head\.to\(features\.device\)",
    ),
}


@pytest.mark.parametrize(("features", "text"), FEATURES.values(), ids=FEATURES.keys())
def test_features_that_the_classifier_cannot_read(features, text):
    with pytest.raises(LogitsError, match=f"TH-L04: {text}"):
        classify(nn.Linear(4, 3), features, 4)
    if isinstance(features, torch.Tensor) and features.device.type == "cpu":
        with pytest.raises(LogitsError, match=f"TH-L04: {text}"):
            classify(nn.Conv1d(4, 3, 1), features.unsqueeze(2), 4)


def test_a_fault_of_the_classifier_itself_is_not_hidden():
    class Broken(nn.Module):
        def forward(self, features):
            raise RuntimeError("of its own")

    for classifier in (Broken(), nn.Sequential(nn.Linear(4, 3), Broken())):
        with pytest.raises(RuntimeError, match=r"^of its own$"):
            classify(classifier, torch.zeros(2, 4), 4)


@pytest.mark.parametrize("logits", [[[0.0] * 3], np.zeros((2, 3)), None, "abc"])
def test_logits_that_are_no_tensor(logits):
    with pytest.raises(LogitsError, match=r"TH-L04: logits that are a \w+; allowed a tensor\. Try: torch.as_tensor"):
        check_logits(logits, 3)
