"""The loss over chunks of classes is the loss of the logits, is taken where it helps, and says why where it cannot."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from torchheads import (
    Asymmetric,
    BalancedSoftmax,
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    LabelLists,
    LogitAdjusted,
    MixedTarget,
    SigmoidHead,
    SoftmaxHead,
)
from torchheads.errors import DataError, HeadConfigError, NonFiniteError, TargetError
from torchheads.heads import chunked
from torchheads.linear import Sgd

N, D, C = 7, 5, 40
WEIGHT = torch.linspace(0.5, 2.0, C).tolist()
CRITERIA = {
    SoftmaxHead: [
        CrossEntropy,
        lambda: CrossEntropy(WEIGHT, 0.2),
        lambda: LogitAdjusted(1.5, WEIGHT),
        lambda: LogitAdjusted(0.5, WEIGHT, 0.2),
        lambda: BalancedSoftmax([0.0, *WEIGHT[1:]], 0.2),
    ],
    SigmoidHead: [
        BinaryCrossEntropy,
        lambda: BinaryCrossEntropy(WEIGHT, 3.0, 0.2),
        lambda: BinaryCrossEntropy(class_reduction="mean"),
        Focal,
        lambda: Focal(1.5, 0.3, WEIGHT, 3.0, 0.2),
        Asymmetric,
        lambda: Asymmetric(2.0, 0.5, 0.1, WEIGHT),
    ],
}
CASES = [
    pytest.param(head, label_type, make, id=f"{head.__name__}-{label_type}-{number}")
    for head in (SoftmaxHead, SigmoidHead)
    for label_type in ("single", "multi")
    for number, make in enumerate(CRITERIA[head])
]


def pair(head_class, label_type, make=None, **options):
    """The same head twice, dense and chunked."""
    dense, chunks = (
        head_class(D, C, label_type=label_type, criterion=make and make(), path=path, **options)
        for path in ("dense", "chunked")
    )
    nn.init.normal_(dense.classifier.weight)
    chunks.load_state_dict(dense.state_dict())
    return dense, chunks


def target_of(label_type):
    if label_type == "single":
        return torch.randint(0, C, (N,))
    return torch.cat([torch.rand(N - 1, C) < 0.2, torch.zeros(1, C, dtype=torch.bool)])  # the last one is empty


def gradients(head, features, target, mask=None):
    features = features.clone().requires_grad_()
    loss = head.loss(features, target, mask)
    return [loss, *torch.autograd.grad(loss, [features, *head.parameters()])]


@pytest.mark.parametrize(("head_class", "label_type", "make"), CASES)
def test_the_same_loss_and_gradients(head_class, label_type, make):
    dense, chunks = pair(head_class, label_type, make)
    features, target = torch.randn(N, D), target_of(label_type)
    torch.testing.assert_close(gradients(chunks, features, target), gradients(dense, features, target))
    if label_type == "multi":
        lists = LabelLists.from_multi_hot(target)
        torch.testing.assert_close(gradients(chunks, features, lists), gradients(dense, features, target))


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_unknown_examples(head_class):
    dense, chunks = pair(head_class, "single", ignore_index=-1)
    features, target = torch.randn(N, D), target_of("single")
    target[2] = -1
    mask = torch.arange(N) != 4
    for answers in (
        [gradients(head, features, target) for head in (chunks, dense)],
        [gradients(head, features, target, mask) for head in (chunks, dense)],
    ):
        torch.testing.assert_close(*answers)
    dense, chunks = pair(head_class, "multi")
    lists = LabelLists.from_multi_hot(target_of("multi"))
    torch.testing.assert_close(*(gradients(head, features, lists, mask) for head in (chunks, dense)))


@pytest.mark.parametrize(("head_class", "label_type", "make"), CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_one_known_example_of_every_loss(head_class, label_type, make, dtype):
    dense, chunks = (head.to(dtype) for head in pair(head_class, label_type, make))
    features, target = torch.randn(N, D, dtype=dtype), target_of(label_type)
    lists = LabelLists.from_multi_hot(target) if label_type == "multi" else target
    only = torch.arange(N) == 2
    exact = {"rtol": 1e-12, "atol": 1e-12} if dtype == torch.float64 else {}
    alone = gradients(dense, features[2:3], target[2:3])[0]
    for loss in (gradients(chunks, features, lists, only)[0], gradients(chunks, features[2:3], target[2:3])[0]):
        torch.testing.assert_close(loss, alone, **exact)


@pytest.mark.parametrize(("head_class", "label_type", "make"), CASES)
def test_every_loss_takes_its_step_in_backward(head_class, label_type, make):
    dense, chunks = pair(head_class, label_type, make)
    features, target = torch.randn(N, D), target_of(label_type)
    chunked.step_in_backward(chunks, Sgd(lr=0.1))
    chunks.loss(features, target).backward()
    dense.loss(features, target).backward()
    assert chunks.classifier.weight.grad is None
    torch.testing.assert_close(chunks.classifier.weight, dense.classifier.weight - 0.1 * dense.classifier.weight.grad)


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_nothing_known_and_nothing_there(head_class):
    _, chunks = pair(head_class, "single", ignore_index=-1)
    for count in (N, 0):
        loss, *slopes = gradients(chunks, torch.randn(count, D), torch.full((count,), -1))
        assert loss == 0
        assert not any(slope.any() for slope in slopes)


def test_who_takes_the_chunks(monkeypatch):
    features, target = torch.zeros(N, D), target_of("single")
    asked = []
    monkeypatch.setattr(chunked, "chunked_loss", lambda *_: asked.append(1) or torch.zeros(()))
    for path, logits, taken in (("auto", N * C + 1, 0), ("auto", N * C, 1), ("dense", 0, 0), ("chunked", N * C + 1, 1)):
        monkeypatch.setattr(chunked, "AUTO_LOGITS", logits)
        monkeypatch.setitem(chunked.LEAST_CLASSES, "auto", C)
        asked.clear()
        SoftmaxHead(D, C, path=path).loss(features, target)
        assert len(asked) == taken, (path, logits)
    monkeypatch.setitem(chunked.LEAST_CLASSES, "auto", C + 1)
    asked.clear()
    SoftmaxHead(D, C).loss(features, target)
    assert not asked
    assert SoftmaxHead(D, C, path="chunked")(features).shape == (N, C)  # no target, no loss


class Hooked(nn.Linear):
    pass


def with_hook():
    linear = nn.Linear(D, C)
    linear.register_forward_hook(lambda *_: None)
    return linear


def with_backward_hook():
    linear = nn.Linear(D, C)
    linear.register_full_backward_hook(lambda *_: None)
    return linear


class Custom(CrossEntropy):
    pass


OBSTACLES = {
    "classifier": ({"classifier": Hooked(D, C)}, {}, "a Hooked with hooks or weights of its own kind"),
    "hook": ({"classifier": with_hook()}, {}, "a Linear with hooks or weights of its own kind"),
    "backward hook": ({"classifier": with_backward_hook()}, {}, "a Linear with hooks or weights of its own kind"),
    "criterion": (
        {"criterion": Custom()},
        {},
        "Custom; allowed CrossEntropy, LogitAdjusted, BalancedSoftmax, BinaryCrossEntropy",
    ),
    "focal of a softmax": (
        {"criterion": Focal()},
        {},
        "Focal; allowed CrossEntropy, LogitAdj",
    ),
    "soft": ({"soft_targets": True}, {}, "soft targets; allowed class indices, label sets"),
    "spatial": (
        {},
        {"features": torch.zeros(N, D, 2), "target": torch.zeros(N, 2).long()},
        "spatial features or a mix",
    ),
    "mixed": ({}, {"target": MixedTarget(torch.zeros(N).long(), torch.zeros(N).long(), 0.5)}, "spatial features or a"),
    "entries": (
        {"label_type": "multi"},
        {"target": torch.zeros(N, C), "mask": torch.ones(N, C, dtype=torch.bool)},
        "unknown entries of a label set; allowed unknown examples",
    ),
    "entries of lists": (
        {"label_type": "multi"},
        {"target": LabelLists.from_lists([[1]] * N, C), "mask": torch.ones(N, C, dtype=torch.bool)},
        "unknown entries of a label set",
    ),
    "ignored entries": (
        {"label_type": "multi", "ignore_index": -1},
        {"target": torch.zeros(N, C)},
        "unknown entries of a label set",
    ),
}


@pytest.mark.parametrize(("options", "batch", "text"), OBSTACLES.values(), ids=OBSTACLES)
def test_what_stands_in_the_way(options, batch, text, monkeypatch):
    batch = {"features": torch.zeros(N, D), "target": torch.zeros(N).long(), **batch}
    with pytest.raises(HeadConfigError, match=f"TH-H28: path='chunked' with {text}.*Try: path='auto'"):
        SoftmaxHead(D, C, path="chunked", **options).loss(**batch)
    monkeypatch.setattr(chunked, "AUTO_LOGITS", 0)
    monkeypatch.setitem(chunked.LEAST_CLASSES, "auto", 0)
    dense = SoftmaxHead(D, C, path="dense", **options).loss(**batch)
    assert torch.equal(SoftmaxHead(D, C, **options).loss(**batch), dense)


def test_an_unknown_path():
    with pytest.raises(HeadConfigError) as caught:
        SoftmaxHead(D, C, path="sparse")
    text = "TH-H28: path='sparse'; allowed 'auto', 'dense', 'chunked'. Try: path='auto' (head.path=auto)"
    assert str(caught.value) == text


def test_wrong_batches_are_refused_as_on_the_dense_path():
    head, features = SigmoidHead(D, C, path="chunked"), torch.randn(N, D)
    with pytest.raises(HeadConfigError, match="TH-L03"):
        head.loss(torch.randn(N, D + 1), torch.zeros(N, C))
    with pytest.raises(TargetError, match="TH-M06"):
        head.loss(features, torch.zeros(N, C + 1))
    with pytest.raises(TargetError, match="TH-M03"):
        head.loss(features, torch.full((N, C), 2.0))
    single = SoftmaxHead(D, C, path="chunked")
    with pytest.raises(TargetError, match="TH-T01: SoftmaxHead got class index 40 at sample 6"):
        single.loss(features, torch.tensor([0, 1, 2, 3, 4, 5, C]))


def test_a_loss_that_is_not_finite_names_the_sample():
    head, features = SoftmaxHead(D, C, path="chunked"), torch.randn(N, D)
    nn.init.normal_(head.classifier.weight)
    features[3, 1] = float("nan")
    with pytest.raises(
        NonFiniteError, match="TH-L01: SoftmaxHead: the loss is nan, features of sample 3 are not finite"
    ):
        head.loss(features, target_of("single"))
    SoftmaxHead(D, C, path="chunked", validate=False).loss(features, target_of("single"))


def test_an_infinite_loss_of_finite_features_is_told_from_nan():
    head = SigmoidHead(D, C, path="chunked")
    head.classifier.bias.data[:4] = 3e38
    text = (
        "TH-L02: SigmoidHead: the loss is inf, though every feature is finite. "
        "Try: a smaller learning rate, gradient clipping, or look at the batch's input"
    )
    with pytest.raises(NonFiniteError) as caught:
        head.loss(torch.ones(1, D), torch.zeros(1, C))
    assert str(caught.value) == text


def test_a_step_in_backward_and_back():
    head, features, target = SoftmaxHead(D, C), torch.randn(N, D), target_of("single")
    head.loss(features, target).backward()
    assert not head.may_take_chunks
    chunked.step_in_backward(head, Sgd(lr=0.1))
    assert head.may_take_chunks
    assert head.classifier.weight.grad is None  # the old one, which an optimizer would take for a new one
    chunked.step_in_backward(head, None)
    assert not head.may_take_chunks
    head.loss(features, target).backward()
    kept = head.classifier.weight.grad
    chunked.step_in_backward(head, None)
    assert head.classifier.weight.grad is kept


def test_a_step_in_backward_that_cannot_be_says_what_to_do():
    soft = SoftmaxHead(D, C, soft_targets=True)
    chunked.step_in_backward(soft, Sgd(lr=0.1))
    with pytest.raises(HeadConfigError, match=r"TH-H28: a step in .* Try: step_in_backward\(head, None\)$"):
        soft.loss(torch.randn(N, D), torch.full((N, C), 1 / C))
    other = SoftmaxHead(D, C, classifier=nn.Sequential(nn.Linear(D, C)))
    with pytest.raises(HeadConfigError, match=r"TH-H28: a step in the backward pass .* Try: training without it$"):
        chunked.step_in_backward(other, Sgd(lr=0.1))


def test_hooks_see_the_call():
    head, seen = SoftmaxHead(D, C, path="chunked"), []
    head.register_forward_hook(lambda *_: seen.append(1))
    head.loss(torch.randn(N, D), target_of("single"))
    assert seen == [1]


def test_a_classifier_of_another_width_is_refused():
    for head in (SoftmaxHead, SigmoidHead):
        wide = head(D, C, label_type="single", classifier=nn.Linear(D, C + 1), path="chunked")
        with pytest.raises(
            HeadConfigError, match="TH-H28: path='chunked' with a Linear with hooks or weights of its own"
        ):
            wide.loss(torch.zeros(N, D), torch.zeros(N).long())


def test_masks_of_lists_are_checked():
    head, lists = SigmoidHead(D, C, path="chunked"), LabelLists.from_lists([[1]] * N, C)
    for mask in (torch.ones(N - 1, dtype=torch.bool), torch.ones(N), [True] * N):
        with pytest.raises(TargetError, match="TH-M06"):
            head.loss(torch.zeros(N, D), lists, mask)


def test_function_transforms_take_the_dense_path(monkeypatch):
    monkeypatch.setattr(chunked, "AUTO_LOGITS", 0)
    monkeypatch.setitem(chunked.LEAST_CLASSES, "auto", 0)
    head, features, target = SoftmaxHead(D, C), torch.randn(N, D), target_of("single")
    slope = torch.func.grad(lambda x: head.loss(x, target))(features)
    torch.testing.assert_close(slope, gradients(head, features, target)[1])


def test_a_list_is_refused_as_on_the_dense_path():
    with pytest.raises(DataError, match="TH-M14"):
        SoftmaxHead(D, C, path="chunked").loss(torch.zeros(N, D), [0] * N)


PROGRAM = """
import copy, torch
from torchheads import SoftmaxHead
from torchheads.heads import step_in_backward
from torchheads.linear import Sgd

torch.manual_seed(0)
features, target = torch.randn(7, 5, requires_grad=True), torch.arange(7)
for steps in (False, True):
    dense = SoftmaxHead(5, 40, path="dense")
    torch.nn.init.normal_(dense.classifier.weight)
    chunks = copy.deepcopy(dense)
    chunks.path, chunks.may_take_chunks = "chunked", True
    if steps:
        step_in_backward(chunks, Sgd(lr=0.0625))
    compiled = torch.compile(lambda x: 2 * chunks.loss(3 * x, target), backend="eager")
    (gradient,) = torch.autograd.grad(compiled(features) / 2, features)
    loss = dense.loss(3 * features, target)
    expected = torch.autograd.grad(loss, [features, dense.classifier.weight])
    torch.testing.assert_close(gradient, expected[0])
    moved = dense.classifier.weight.detach() - (0.0625 * expected[1] if steps else 0)
    torch.testing.assert_close(chunks.classifier.weight.detach(), moved)
print("same")
"""


def test_a_compiled_model_breaks_at_the_chunks_and_goes_on():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=250)
    assert done.stdout == "same\n", done.stderr
