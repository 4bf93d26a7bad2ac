"""A classifier that steps in the backward pass: the weights of a gradient and an optimizer, without the gradient."""

import copy

import pytest
import torch
from linear_dense import drawn

from torchheads import Asymmetric, BinaryCrossEntropy, CrossEntropy, Focal, LabelLists, SigmoidHead, SoftmaxHead
from torchheads.errors import HeadConfigError
from torchheads.heads import step_in_backward
from torchheads.linear import (
    RowwiseAdam,
    Sgd,
    linear_asymmetric,
    linear_binary_cross_entropy,
    linear_binary_focal,
    linear_cross_entropy,
)

C = 11
LOSSES = [
    (linear_cross_entropy, "index", {}),
    (linear_cross_entropy, "lists", {"label_smoothing": 0.1}),
    (linear_binary_cross_entropy, "lists", {}),
    (linear_binary_cross_entropy, "lists", {"label_smoothing": 0.1, "class_reduction": "mean"}),
    (linear_binary_focal, "lists", {}),
    (linear_asymmetric, "lists", {}),
]


@pytest.mark.parametrize(("loss", "target", "options"), LOSSES)
@pytest.mark.parametrize("chunk", [4, None])
@pytest.mark.parametrize("known", [False, True])
def test_weights_loss_and_gradients_are_those_of_gradient_and_step(loss, target, options, chunk, known):
    d, twin = drawn(C), drawn(C)
    rows = {"known": d["known"]} if known else {}
    factor = torch.tensor(0.25)
    plain = loss(*twin["inputs"], twin[target], chunk_classes=chunk, **rows, **options) * factor
    plain.backward()
    stepped = loss(*d["inputs"], d[target], chunk_classes=chunk, step=Sgd(lr=0.5), **rows, **options) * factor
    before = d["inputs"][1].detach().clone()
    torch.testing.assert_close(stepped, plain)
    assert torch.equal(d["inputs"][1], before)  # nothing moves before backward
    stepped.backward()
    features, weight, bias = d["inputs"]
    assert weight.grad is None
    torch.testing.assert_close(weight, before - 0.5 * twin["inputs"][1].grad)
    torch.testing.assert_close(features.grad, twin["inputs"][0].grad)
    torch.testing.assert_close(bias.grad, twin["inputs"][2].grad)


def test_without_gradients_nothing_steps():
    d = drawn(C)
    before = d["inputs"][1].detach().clone()
    with torch.no_grad():
        linear_cross_entropy(*d["inputs"], d["index"], step=Sgd(lr=1.0))
    frozen = [x.detach() for x in d["inputs"]]
    assert not linear_cross_entropy(*frozen, d["index"], step=Sgd(lr=1.0)).requires_grad
    assert torch.equal(d["inputs"][1], before)


def test_features_may_be_frozen_and_there_may_be_no_bias():
    d = drawn(C)
    features, weight = d["inputs"][0].detach(), d["inputs"][1]
    before = weight.detach().clone()
    linear_binary_cross_entropy(features, weight, None, d["lists"], step=Sgd(lr=0.1)).backward()
    assert not torch.equal(weight, before)


def test_a_second_backward_would_step_from_other_weights():
    d = drawn(C)
    loss = linear_cross_entropy(*d["inputs"], d["index"], step=Sgd(lr=0.1))
    loss.backward(retain_graph=True)
    with pytest.raises(HeadConfigError, match="TH-L09: a loss whose classifier has stepped since"):
        loss.backward()


def test_second_order_is_refused():
    d = drawn(C)
    loss = linear_cross_entropy(*d["inputs"], d["index"], step=Sgd(lr=0.1))
    with pytest.raises(HeadConfigError, match="TH-L09: a gradient of a gradient"):
        torch.autograd.grad(loss, d["inputs"][0], create_graph=True)


def test_two_losses_of_one_classifier_cannot_both_step():
    d = drawn(C)
    first, second = (linear_cross_entropy(*d["inputs"], d["index"], step=Sgd(lr=0.1)) for _ in range(2))
    with pytest.raises(
        HeadConfigError, match=r"TH-L09: a loss whose classifier has stepped since.*Try: head\.loss again"
    ):
        (first + second).backward()


def test_half_precision_products_step_full_precision_weights():
    d, twin = drawn(C, dtype=torch.float32), drawn(C, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        linear_cross_entropy(*d["inputs"], d["index"], step=Sgd(lr=0.5)).backward()
        linear_cross_entropy(*twin["inputs"], twin["index"]).backward()
    wanted = twin["inputs"][1].detach() - 0.5 * twin["inputs"][1].grad
    torch.testing.assert_close(d["inputs"][1].detach(), wanted, rtol=2e-2, atol=2e-2)


CRITERIA = [
    (SoftmaxHead, CrossEntropy),
    (SigmoidHead, BinaryCrossEntropy),
    (SigmoidHead, Focal),
    (SigmoidHead, Asymmetric),
]


def target_of(head_class):
    return torch.tensor([3, 0, 5]) if head_class is SoftmaxHead else LabelLists.from_lists([[3], [], [0, 5]], 6)


@pytest.mark.parametrize(("head_class", "criterion"), CRITERIA)
def test_a_head_steps_as_an_optimizer_would(head_class, criterion):
    head = head_class(4, 6, criterion=criterion())
    torch.nn.init.normal_(head.classifier.weight)
    twin, features = copy.deepcopy(head), torch.randn(3, 4)
    step_in_backward(head, Sgd(lr=0.5))
    ours = torch.optim.SGD(head.parameters(), lr=0.5)
    theirs = torch.optim.SGD(twin.parameters(), lr=0.5)
    for each, optimizer in ((head, ours), (twin, theirs)):
        for _ in range(3):
            optimizer.zero_grad()
            each.loss(features, target_of(head_class)).backward()
            optimizer.step()
    torch.testing.assert_close(head.state_dict(), twin.state_dict())


def test_it_learns_many_classes():
    """Ten features that say the class, 2,000 classes of which a batch shows 64: both rules get them right."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(2000, 32, generator=generator)
    for rule in (Sgd(lr=30.0), RowwiseAdam(lr=0.1)):
        head = SoftmaxHead(32, 2000)
        step_in_backward(head, rule)
        for _ in range(200):
            target = torch.randint(2000, (256,), generator=generator)
            head.loss(codes[target], target).backward()
        right = (head(codes).argmax(dim=1) == torch.arange(2000)).float().mean()
        assert right > 0.95, rule


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (SoftmaxHead(4, 6, criterion=Focal()), "Focal; allowed"),
        (SigmoidHead(4, 6, classifier=torch.nn.Sequential(torch.nn.Linear(4, 6))), "a Sequential with hooks"),
    ],
)
def test_what_has_no_chunks_has_no_step(head, text):
    with pytest.raises(HeadConfigError, match=f"^TH-H28: a step in the backward pass with .*{text}"):
        step_in_backward(head, Sgd(lr=0.1))
    assert head.weight_step is None


def test_gradients_come_back():
    head = SoftmaxHead(4, 6)
    step_in_backward(head, Sgd(lr=0.5))
    step_in_backward(head, None)
    head.loss(torch.ones(3, 4), target_of(SoftmaxHead)).backward()
    assert head.classifier.weight.grad is not None
    assert head.path == "auto"


def test_in_evaluation_mode_there_is_a_gradient_and_no_step():
    head = SoftmaxHead(4, 6)
    step_in_backward(head, Sgd(lr=0.5))
    before = head.classifier.weight.detach().clone()
    head.eval()
    head.loss(torch.ones(3, 4), target_of(SoftmaxHead)).backward()
    assert head.classifier.weight.grad is not None
    assert torch.equal(head.classifier.weight, before)


def test_what_changed_between_the_passes_is_torchs_own_error():
    for place in (0, 2):
        d = drawn(C)
        loss = linear_cross_entropy(*d["inputs"], d["index"], step=Sgd(lr=0.1))
        with torch.no_grad():
            d["inputs"][place].add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_a_weight_made_of_another_is_refused():
    d = drawn(C)
    features, weight, bias = d["inputs"]
    with pytest.raises(HeadConfigError, match="TH-H28: a weight that is made of another tensor"):
        linear_cross_entropy(features, weight * 2, bias, d["index"], step=Sgd(lr=0.1))


def test_a_head_that_steps_says_what_it_cannot_take():
    head = SigmoidHead(4, 6, path="dense", ignore_index=-1)
    step_in_backward(head, Sgd(lr=0.1))
    with pytest.raises(HeadConfigError, match="TH-H28: a step in the backward pass with unknown entries"):
        head.loss(torch.ones(3, 4), torch.zeros(3, 6))
    step_in_backward(head, None)
    head.loss(torch.ones(3, 4), torch.zeros(3, 6)).backward()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_steps_to_finite_weights(dtype):
    head = SoftmaxHead(4, 6).to(dtype)
    step_in_backward(head, RowwiseAdam(lr=0.1))
    features = torch.zeros(3, 4, dtype=dtype)
    features[0, 0] = 1
    head.loss(features, target_of(SoftmaxHead)).backward()
    assert head.classifier.weight.isfinite().all()
    assert head.classifier.weight[:, 0].all()
    assert not head.classifier.weight[:, 1:].any()
