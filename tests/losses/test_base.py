"""What every criterion refuses: weights and smoothing that mean nothing, and weights for other classes."""

import pytest
import torch

from torchheads.errors import HeadConfigError
from torchheads.losses import BinaryCrossEntropy, Criterion, CrossEntropy
from torchheads.losses.base import check_smoothing, weight_buffer

NAN, INF = float("nan"), float("inf")


def test_a_criterion_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Criterion()


def test_no_weight_stays_none():
    assert weight_buffer("class_weight", None) is None


@pytest.mark.parametrize("weight", [[1, 2.5, 0], (1, 2.5, 0), torch.tensor([1, 2.5, 0], dtype=torch.float64)])
def test_weights_become_float32(weight):
    values = weight_buffer("class_weight", weight)
    assert values.dtype == torch.float32
    assert values.tolist() == [1, 2.5, 0]
    assert not values.requires_grad


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        ([1.0, -2.0], "class_weight got -2; allowed finite numbers >= 0"),
        ([NAN, 1.0], "class_weight got nan"),
        ([1.0, INF], "class_weight got inf"),
        (2.0, r"class_weight got shape \(\)"),
        ([[1.0, 2.0]], r"class_weight got shape \(1, 2\)"),
    ],
)
@pytest.mark.parametrize("code", ["T13", "M08"])
def test_bad_weights(weight, text, code):
    with pytest.raises(HeadConfigError, match=rf"TH-{code}: {text}.*Try: class_weight=\[1\.0, \.\.\.\]"):
        weight_buffer("class_weight", weight, code)


@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5, NAN])
def test_bad_smoothing(value):
    with pytest.raises(HeadConfigError, match=r"TH-T14: label_smoothing=.*allowed 0 <= .*Try: label_smoothing=0\.1"):
        check_smoothing(value)
    for criterion in (CrossEntropy, BinaryCrossEntropy):
        with pytest.raises(HeadConfigError, match="TH-T14"):
            criterion(label_smoothing=value)


def test_good_smoothing():
    assert [check_smoothing(value) for value in (0, 0.0, 0.1, 0.999)] == [0.0, 0.0, 0.1, 0.999]


@pytest.mark.parametrize(
    ("criterion", "code", "name"),
    [
        (CrossEntropy(class_weight=[1.0, 2.0]), "T13", "class_weight"),
        (BinaryCrossEntropy(class_weight=[1.0, 2.0]), "T13", "class_weight"),
        (BinaryCrossEntropy(pos_weight=[1.0, 2.0]), "M08", "pos_weight"),
    ],
)
def test_one_weight_a_class(criterion, code, name):
    criterion.check(2)
    with pytest.raises(
        HeadConfigError, match=rf"TH-{code}: {name} has shape \(2,\); allowed \(3,\)\. Try: one {name} for"
    ):
        criterion.check(3)


@pytest.mark.parametrize("criterion", [CrossEntropy([1.0, 2.0]), BinaryCrossEntropy([1.0, 2.0], [3.0, 4.0])])
def test_weights_are_configuration_not_state(criterion):
    assert criterion.state_dict() == {}
    assert criterion.double().class_weight.dtype == torch.float64  # but they move with the module
