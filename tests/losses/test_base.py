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
        (-2.0, "class_weight got -2"),
        ("ab", "class_weight got 'ab'; allowed finite numbers"),
        (["a", "b"], r"class_weight got \['a', 'b'\]"),
        (torch.ones(2, dtype=torch.complex64), "class_weight got tensor"),
        ([[1.0, 2.0]], r"class_weight got shape \(1, 2\)"),
    ],
)
@pytest.mark.parametrize("code", ["T13", "M08"])
def test_bad_weights(weight, text, code):
    with pytest.raises(HeadConfigError, match=rf"TH-{code}: {text}.*Try: class_weight=\[1\.0, \.\.\.\]"):
        weight_buffer("class_weight", weight, code)


@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5, NAN, "0.1", None, [0.1]])
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


LOGITS, TARGET = torch.tensor([[0.3, -1.0, 2.0], [1.0, 0.0, -0.5]]), torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])


@pytest.mark.parametrize(
    "make", [CrossEntropy, BinaryCrossEntropy, lambda weight: BinaryCrossEntropy(pos_weight=weight)]
)
@pytest.mark.parametrize("weight", [2.0, [1.0, 2.0]])
def test_weights_have_content_where_nothing_else_has(make, weight):
    with torch.device("meta"):
        criterion = make(weight)
        criterion.check(2)
    assert {(buffer.device.type, buffer.shape) for buffer in criterion.buffers()} == {("cpu", (2,))}


@pytest.mark.parametrize(
    "make",
    [CrossEntropy, BinaryCrossEntropy, lambda weight: BinaryCrossEntropy(pos_weight=weight)],
    ids=["softmax class_weight", "sigmoid class_weight", "sigmoid pos_weight"],
)
def test_one_number_stands_for_all_classes(make):
    spread, single, loose = make([2.5] * 3), make(2.5), make(torch.tensor(2.5))
    single.check(3)  # as a head does; ``loose`` is used without one
    for one in (single, loose):
        for size in (2, 0):  # forward, and mean with and without rows
            torch.testing.assert_close(one(LOGITS[:size], TARGET[:size]), spread(LOGITS[:size], TARGET[:size]))
            torch.testing.assert_close(
                one.mean(LOGITS[:size], TARGET[:size]), spread.mean(LOGITS[:size], TARGET[:size])
            )
        prior = torch.tensor([0.1, 0.2, 0.7])
        torch.testing.assert_close(one.constant_logits(prior), spread.constant_logits(prior))
        assert one.state_dict() == {}
    assert repr(single) == repr(spread)
    assert "=2.5" in repr(loose)
    with pytest.raises(HeadConfigError, match=r"has shape \(3,\); allowed \(4,\).* of its own"):
        single.check(4)


@pytest.mark.parametrize("criterion", [CrossEntropy([1.0, 2.0]), BinaryCrossEntropy([1.0, 2.0], [3.0, 4.0])])
def test_weights_are_configuration_not_state(criterion):
    assert criterion.state_dict() == {}
    assert criterion.half().class_weight.dtype == torch.float32  # and are not rounded with the module's
