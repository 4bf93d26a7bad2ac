"""Numbers a user named stay as they are, wherever their module is moved."""

import pytest
import torch

from torchheads import BinaryCrossEntropy, CrossEntropy, SigmoidHead, SoftmaxHead, Threshold, TopK
from torchheads.buffers import constant
from torchheads.decisions import Argmax

VALUE = 0.1234567

RULES = {
    "threshold": lambda: Threshold(VALUE),
    "thresholds": lambda: Threshold([VALUE, 0.5]),
    "top_k": lambda: TopK(1, VALUE),
    "reject": lambda: Argmax(reject_below=VALUE),
}


def built(rule):
    head = SoftmaxHead if isinstance(rule(), Argmax) else SigmoidHead
    return head(3, 2, decision=rule())


def test_a_constant_has_content_on_every_default_device():
    with torch.device("meta"):
        assert constant([0.5, 1.5]).tolist() == [0.5, 1.5]
    assert constant([1, 2]).dtype == torch.float32
    assert constant([1, 2], torch.float64).dtype == torch.float64
    given = torch.tensor([1.0, 2.0], requires_grad=True)
    assert not constant(given).requires_grad


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("move", ["half", "double", "bfloat16"])
def test_a_cut_is_never_rounded(rule, move):
    head = built(rule)
    cut = head.decision.cut.clone()
    getattr(head, move)()
    assert head.classifier.weight.dtype != torch.float32
    assert torch.equal(head.decision.cut, cut)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_named_cut_survives_the_empty_shell(rule):
    sound = built(rule)
    with torch.device("meta"):
        shell = built(rule)
    shell.to_empty(device="cpu")
    shell.decision.cut.add_(0)  # readable
    shell.load_state_dict(sound.state_dict())
    assert torch.equal(shell.decision.cut, sound.decision.cut)


@pytest.mark.parametrize(
    ("head", "criterion"),
    [
        (SoftmaxHead, lambda: CrossEntropy(class_weight=[1.0, 2.0])),
        (SigmoidHead, lambda: BinaryCrossEntropy([1.0, 2.0], 3.0)),
    ],
)
def test_weights_survive_the_empty_shell(head, criterion):
    sound = head(3, 2, criterion=criterion())
    with torch.device("meta"):
        shell = head(3, 2, criterion=criterion())
    shell.to_empty(device="cpu")
    shell.load_state_dict(sound.state_dict())
    for name, weight in sound.criterion.named_buffers():
        assert torch.equal(shell.criterion.get_buffer(name), weight)
    features = torch.randn(4, 3)
    target = torch.tensor([0, 1, 1, 0]) if head is SoftmaxHead else torch.ones(4, 2)
    assert torch.equal(shell.loss(features, target), sound.loss(features, target))
