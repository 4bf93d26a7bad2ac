"""What the chunked losses are held against: the dense losses of all logits, in float64."""

import torch
from torch.nn import functional as F

from torchheads.losses.functional import binary_cross_entropy, cross_entropy
from torchheads.targets import LabelLists

N, D = 7, 5


def drawn(classes=11, rows=N, width=D, seed=0, dtype=torch.float64):
    """Features, weight and bias that need gradients, both kinds of target and both kinds of weight."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    hot = normal(rows, classes) > 0.8
    hot[:1] = False  # an empty set
    hot[1:2] = True  # and a full one
    return {
        "inputs": [x.requires_grad_() for x in (normal(rows, width), normal(classes, width), normal(classes))],
        "index": torch.randint(0, classes, (rows,), generator=generator),
        "lists": LabelLists.from_multi_hot(hot),
        "known": normal(rows) > -0.5,
        "class_weight": normal(classes).exp(),
        "pos_weight": normal(classes).exp(),
    }


def dense_hot(target, num_classes):
    """A target as its multi-hot (n, c)."""
    hot = target.multi_hot() if isinstance(target, LabelLists) else F.one_hot(target, num_classes)
    return hot.double()


def dense_cross_entropy(features, weight, bias, target, class_weight=None, label_smoothing=0.0, known=None):
    """The sum over rows of the dense loss of each."""
    logits = F.linear(features.double(), weight.double(), None if bias is None else bias.double())
    hot = dense_hot(target, weight.shape[0])
    share = hot / hot.sum(dim=1, keepdim=True).clamp(min=1)
    wide = None if class_weight is None else class_weight.double()
    losses = cross_entropy(logits, share, wide, label_smoothing)
    return losses.sum() if known is None else losses[known].sum()


def dense_binary_cross_entropy(
    features,
    weight,
    bias,
    target,
    class_weight=None,
    pos_weight=None,
    label_smoothing=0.0,
    known=None,
    class_reduction="sum",
):
    """The sum over rows of the dense loss of each."""
    logits = F.linear(features.double(), weight.double(), None if bias is None else bias.double())
    wide = (None if w is None else w.double() for w in (class_weight, pos_weight))
    entries = binary_cross_entropy(logits, dense_hot(target, weight.shape[0]), *wide, label_smoothing)
    losses = entries.sum(dim=1) if class_reduction == "sum" else entries.mean(dim=1)
    return losses.sum() if known is None else losses[known].sum()


def gradients(loss, inputs):
    """Gradients of the inputs that need one, in their order."""
    return torch.autograd.grad(loss, [x for x in inputs if x is not None and x.requires_grad])


def assert_same(loss, dense, inputs, tolerance=1e-5):
    """The same value, and the same gradients elementwise within a part of their largest entry."""
    torch.testing.assert_close(loss.double(), dense.double(), rtol=tolerance, atol=tolerance)
    for ours, theirs in zip(gradients(loss, inputs), gradients(dense, inputs), strict=True):
        assert ours.dtype == theirs.dtype
        difference = (ours.double() - theirs.double()).abs().max() if ours.numel() else torch.zeros(())
        assert difference <= tolerance * max(theirs.abs().max().item() if theirs.numel() else 0, 1e-30)
