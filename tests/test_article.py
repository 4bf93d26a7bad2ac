"""The worked numbers of the article behind the project, through the heads' own functions."""

import pytest
import torch
from torch import nn

from torchheads import Argmax, SigmoidHead, SoftmaxHead, Threshold, TopK

# softmax over dim 0 of (2, 3): two classes in rows, three examples in columns
SOFTMAX = [
    (
        [[-1.2928, -2.9990, -1.8886], [0.1079, -3.6320, -1.6835]],
        [[0.1977, 0.6532, 0.4489], [0.8023, 0.3468, 0.5511]],
    ),
    (
        [[0.9096, -2.5876, -2.2403], [-0.8566, 0.2757, -1.9268]],
        [[0.8540, 0.0540, 0.4223], [0.1460, 0.9460, 0.5777]],
    ),
]
SIGMOID = ([-0.4010, 0.0468, -0.4071, 0.6252, 1.0899], [0.4011, 0.5117, 0.3996, 0.6514, 0.7484])
ANIMALS = ("cat", "dog", "cow", "zebra")
OUTPUTS = torch.tensor([[2.1, 4.0, 3.2, -1.0]])


def named(mask):
    return [name for name, chosen in zip(ANIMALS, mask.flatten().tolist(), strict=True) if chosen]


@pytest.mark.parametrize(("outputs", "expected"), SOFTMAX)
def test_softmax_over_the_classes(outputs, expected):
    logits = torch.tensor(outputs).T  # (examples, classes), as a head takes them
    head = SoftmaxHead(2, 2, classifier=nn.Identity())
    probabilities = head.probabilities(head(logits)).T
    torch.testing.assert_close(probabilities, torch.tensor(expected), atol=5.1e-5, rtol=0)
    assert probabilities.sum().item() == pytest.approx(3)  # three examples, each of them 1
    assert [[round(p, 4) for p in row] for row in probabilities.tolist()] == expected


def test_softmax2d():
    images = torch.randn(1, 3, 2, 2)
    torch.testing.assert_close(SoftmaxHead(3, 3).probabilities(images), nn.Softmax2d()(images))


def test_sigmoid():
    outputs, expected = SIGMOID
    probabilities = SigmoidHead(5, 5).probabilities(torch.tensor([outputs]))
    assert [round(p, 4) for p in probabilities[0].tolist()] == expected


def test_the_spreadsheet():
    # exp of each: 8.1662, 54.5982, 24.5325, 0.3679; their sum 87.6647; each divided by it
    column_c = OUTPUTS.double().exp()
    assert [round(e, 4) for e in column_c[0].tolist()] == [8.1662, 54.5982, 24.5325, 0.3679]
    head = SoftmaxHead(4, 4, class_names=ANIMALS)
    probabilities = head.probabilities(OUTPUTS)
    assert [round(p, 4) for p in probabilities[0].tolist()] == [0.0932, 0.6228, 0.2798, 0.0042]
    torch.testing.assert_close(probabilities, (column_c / column_c.sum()).float())


def test_there_can_be_only_one():
    head = SoftmaxHead(4, 4, class_names=ANIMALS)
    assert [head.class_names[index] for index in head.predict(OUTPUTS)] == ["dog"]


def test_a_threshold_of_three_on_the_raw_output_finds_two():
    head = SigmoidHead(4, 4, class_names=ANIMALS, decision=Threshold(3.0, space="logit"))
    assert named(head.predict(OUTPUTS)) == ["dog", "cow"]


def test_top_n_above_the_threshold():
    def found(k):
        return named(SigmoidHead(4, 4, decision=TopK(k, threshold=3.0, space="logit")).predict(OUTPUTS))

    assert found(1) == ["dog"]
    assert found(2) == found(3) == found(4) == ["dog", "cow"]
    assert named(SigmoidHead(4, 4, decision=TopK(3)).predict(OUTPUTS)) == ["cat", "dog", "cow"]


def test_nothing_above_the_threshold_is_an_answer_too():
    head = SigmoidHead(4, 4, decision=Threshold(3.0, space="logit"))
    assert named(head.predict(OUTPUTS - 10)) == []


def test_sigmoid_on_single_label_data_takes_the_largest():
    head = SigmoidHead(4, 4, label_type="single", decision=Argmax())
    assert head.predict(OUTPUTS).tolist() == [1]
