"""What every calibrator shares."""

import pytest
import torch
from torch import nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.calibration import Calibrator


class Halved(Calibrator):
    """A temperature of 2: it divides logits."""

    def forward(self, logits):
        return logits / 2

    def bind(self, num_classes, link):
        self.bound = num_classes


class Unfitted(Halved):
    """A calibrator that waits for data."""

    @property
    def fitted(self):
        return False


class Mixed(Calibrator):
    """A matrix on the logits, whose product autocast would compute in half precision."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Linear(3, 3)

    def forward(self, logits):
        return self.matrix(logits)


def test_a_calibrator_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Calibrator()


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_a_head_asks_its_calibrator_first(head_class):
    calibrator = Halved()
    head, plain = head_class(4, 3, calibrator=calibrator), head_class(4, 3)
    logits = torch.randn(5, 3)
    assert calibrator.bound == 3
    assert torch.equal(head.scores(logits), plain.scores(logits / 2))
    assert torch.equal(head.probabilities(logits), plain.probabilities(logits / 2))
    target = torch.zeros(5, dtype=torch.int64) if head.label_type == "single" else torch.ones(5, 3)
    assert torch.equal(head.nll(logits, target), plain.nll(logits / 2, target))
    # training does not see it
    assert torch.equal(head.loss_from_logits(logits, target), plain.loss_from_logits(logits, target))


def test_temperature_keeps_the_argmax():
    logits = torch.randn(50, 3)
    assert torch.equal(SoftmaxHead(4, 3, calibrator=Halved()).predict(logits), logits.argmax(dim=1))


def test_repr_says_what_waits_for_data():
    assert isinstance(Unfitted(), nn.Module)
    assert "decision not fitted" in repr(SoftmaxHead(4, 3, calibrator=Unfitted()))
    assert "ready to decide" in repr(SoftmaxHead(4, 3, calibrator=Halved()))


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_autocast_leaves_the_calibrator_alone(head_class):
    head, logits = head_class(4, 3, calibrator=Mixed()), torch.randn(5, 3)
    expected = head.scores(logits), head.probabilities(logits)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(head.scores(logits), expected[0])
        assert torch.equal(head.probabilities(logits), expected[1])
