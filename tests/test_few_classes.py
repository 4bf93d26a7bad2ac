"""Few classes go along columns, with the same numbers as along rows."""

import math

import pytest
import torch
from torch.nn import functional as F

from torchheads import SoftmaxHead, few_classes
from torchheads.errors import TargetError
from torchheads.few_classes import LANES, LEAST_ENTRIES, are_few, log_softmax
from torchheads.losses import CrossEntropy, Focal
from torchheads.losses.functional import index_cross_entropy


@pytest.fixture(autouse=True)
def eight_lanes(monkeypatch):
    """Rows shorter than 8 are few on every machine."""
    monkeypatch.setattr(few_classes, "LANES", 8)


def problem(rows=LEAST_ENTRIES, classes=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(rows, classes, generator=generator, dtype=dtype)
    return logits, torch.randint(classes, (rows,), generator=generator)


def by_rows(monkeypatch):
    monkeypatch.setattr(few_classes, "LANES", 0)


def test_this_machine_has_vectors():
    assert LANES in (4, 8, 16)


@pytest.mark.parametrize(
    ("shape", "few"),
    [
        ((LEAST_ENTRIES, 1), True),
        ((LEAST_ENTRIES - 1, 1), False),
        ((LEAST_ENTRIES, 7), True),
        ((LEAST_ENTRIES, 8), False),
    ],
)
def test_few(shape, few):
    assert are_few(torch.zeros(shape)) is few
    assert not are_few(torch.zeros(shape, device="meta"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_log_softmax(dtype, classes):
    logits, _ = problem(classes=classes, dtype=dtype)
    logits[::5, 0] = -math.inf
    torch.testing.assert_close(log_softmax(logits), logits.log_softmax(dim=1), rtol=1e-6, atol=0)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 0.0, 2.5], dtype=torch.float64)])
def test_the_cross_entropy_of_indices(reduction, weight):
    logits, target = problem()
    logits.requires_grad_()
    ours = index_cross_entropy(logits, target, weight, reduction)
    theirs = F.cross_entropy(logits, target, weight, reduction=reduction)
    torch.testing.assert_close(ours, theirs)
    ours, theirs = (torch.autograd.grad((loss**2).sum(), logits, create_graph=True)[0] for loss in (ours, theirs))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad((first**2).sum(), logits)[0] for first in (ours, theirs)))


@pytest.mark.parametrize("criterion", [CrossEntropy(), CrossEntropy([1.0, 2.0, 0.0], 0.1), Focal()])
@pytest.mark.parametrize("spatial", [(), (6, 5)])
@pytest.mark.parametrize("ignore_index", [None, 2])
def test_a_head_has_the_same_loss_and_gradients_either_way(monkeypatch, criterion, spatial, ignore_index):
    head = SoftmaxHead(4, 3, criterion=criterion, ignore_index=ignore_index).double()
    torch.nn.init.normal_(head.classifier.weight)
    features = torch.randn(LEAST_ENTRIES, 4, *spatial, dtype=torch.float64, requires_grad=True)
    target = torch.randint(3, (LEAST_ENTRIES, *spatial))
    found = []
    for _ in range(2):
        loss = head.loss(features, target)
        found.append((loss, *torch.autograd.grad(loss, [features, *head.parameters()])))
        by_rows(monkeypatch)
    torch.testing.assert_close(*found)


def test_it_works_under_vmap():
    logits, target = (values.unflatten(0, (2, -1)) for values in problem(rows=2 * LEAST_ENTRIES))
    ours = torch.vmap(index_cross_entropy)(logits, target)
    torch.testing.assert_close(ours, torch.stack([F.cross_entropy(*pair) for pair in zip(logits, target, strict=True)]))


@pytest.mark.parametrize("bad", [-100, -1, 3])
def test_a_bad_index_among_many_is_named(bad):
    head, (_, target) = SoftmaxHead(4, 3), problem()
    target[7] = bad
    with pytest.raises(TargetError, match=rf"class index {bad} at sample 7"):
        head.loss(torch.randn(LEAST_ENTRIES, 4), target)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}])
def test_what_is_exported_takes_any_number_of_rows(options):
    class Loss(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head = SoftmaxHead(4, 5, criterion=CrossEntropy(**options), validate=False)

        def forward(self, features, target):
            return self.head.loss(features, target)

    def batch(rows):
        return torch.randn(rows, 4), torch.randint(5, (rows,))

    loss, rows = Loss(), torch.export.Dim("rows")
    program = torch.export.export(loss, batch(64), dynamic_shapes=({0: rows}, {0: rows})).module()
    for size in (3, 64, 3000):
        torch.testing.assert_close(program(*(values := batch(size))), loss(*values))
