"""When a head's loss goes through chunks of classes instead of the logits of all of them, and the loss then.

n examples, c classes, d features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from jaxtyping import Float
from torch import Tensor
from torch.compiler import is_compiling

from torchheads.errors import HeadConfigError
from torchheads.heads import checks
from torchheads.heads.chunked_totals import TOTALS
from torchheads.linear import Shard, WeightStep
from torchheads.shapes import check_features, is_plain_linear
from torchheads.targets import ClassIndex, LabelLists, LabelSet, MixedTarget, Target

if TYPE_CHECKING:
    from torchheads.heads.base import ClassificationHead

Path = Literal["auto", "dense", "chunked"]
LEAST_CLASSES = {"auto": 1024, "dense": 2**63, "chunked": 0}
"""Number of classes from which a head asks whether to take the chunks, by its path."""
AUTO_LOGITS = 2**24
"""Logits of a batch from which ``path="auto"`` takes the chunks: 64 MiB in float32."""


def may_take_chunks(path: str, num_classes: int) -> bool:
    """Whether a head of this path and so many classes asks with each target, see `takes_chunks`.

    Raises:
        HeadConfigError: code H28.
    """
    if not isinstance(path, str) or path not in LEAST_CLASSES:
        raise HeadConfigError(
            "H28", f"path={path!r}; allowed 'auto', 'dense', 'chunked'", "path='auto' (head.path=auto)"
        )
    return num_classes >= LEAST_CLASSES[path]


def step_in_backward(head: ClassificationHead, step: WeightStep | None) -> None:
    """Let a head's classifier take its training step where its loss goes backward; no gradient of it exists then.

    While there is a rule, the head's loss goes through chunks whatever its path. An optimizer passes over the weight,
    which has no gradient; the bias has one. Any backward pass of the loss takes the step while the head is in training
    mode, also one for the gradient of the features alone; in evaluation mode there is a gradient again.

    Args:
        head: over a plain ``nn.Linear`` of its own, with a criterion that has chunks.
        step: the rule, such as `torchheads.linear.RowwiseAdam`; None for gradients and the head's own path again.

    Raises:
        HeadConfigError: code H28, for a classifier or a criterion that cannot be walked in chunks.

    Example:
        >>> import torch
        >>> from torchheads import SigmoidHead
        >>> from torchheads.linear import Sgd
        >>> head, target = SigmoidHead(2, 3), LabelLists.from_lists([[0]], num_classes=3)
        >>> step_in_backward(head, Sgd(lr=1.0))
        >>> head.loss(torch.ones(1, 2), target).backward()
        >>> head.classifier.weight.grad, round(head.classifier.weight[0, 0].item(), 4)
        (None, 0.6667)
    """
    obstacle = obstacle_of_classifier(head) or obstacle_of_criterion(head)
    if obstacle and step is not None:
        raise HeadConfigError("H28", f"a step in the backward pass with {obstacle}", "training without it")
    head.weight_step = step
    head.may_take_chunks = may_take_chunks(head.path if step is None else "chunked", head.num_classes)
    if step is not None:
        head.classifier.weight.grad = None  # an old one would be taken for a new one by an optimizer


def takes_chunks(head: ClassificationHead, features: Tensor, target: Target, mask: Tensor | None) -> bool:
    """Whether the loss of a batch goes through chunks of classes.

    ``path="auto"`` takes them from 2**24 logits on, where head and target allow it.

    Raises:
        HeadConfigError: code H28, where ``path="chunked"`` was asked for and head or target do not allow it.
    """
    known_kind = isinstance(target, Tensor | LabelLists | MixedTarget)
    if not isinstance(features, Tensor) or features.ndim < 2 or not known_kind:
        return False  # which the dense path refuses
    must = head.path == "chunked" or head.weight_step is not None
    if not must and features.shape[0] * head.num_classes < AUTO_LOGITS:
        return False
    obstacle = obstacle_to_chunks(head, features, target, mask)
    if obstacle and head.weight_step is not None:
        raise HeadConfigError("H28", f"a step in the backward pass with {obstacle}", "step_in_backward(head, None)")
    if obstacle and must:
        problem = f"path='chunked' with {obstacle}"
        raise HeadConfigError("H28", problem, "path='auto' (head.path=auto), which takes the dense loss there")
    return not obstacle


def obstacle_to_chunks(head: ClassificationHead, features: Tensor, target: Target, mask: Tensor | None) -> str:
    """What keeps the loss from going through chunks, in words; empty where nothing does."""
    if obstacle := obstacle_of_classifier(head):
        return obstacle
    if features.is_meta or (not is_compiling() and checks.innermost_transform() is not None):
        return "meta tensors or torch.func transforms around it; allowed plain tensors"
    if obstacle := obstacle_of_criterion(head):
        return obstacle
    if type(head.form) not in (ClassIndex, LabelSet):
        return "soft targets; allowed class indices, label sets"
    if features.ndim != 2 or not isinstance(target, Tensor | LabelLists):
        return "spatial features or a mixed target; allowed features (N, D) and plain targets"
    entries = (
        isinstance(target, Tensor) and target.ndim > 1 and (mask is not None or head.form.ignore_index is not None)
    )
    if entries or (isinstance(target, LabelLists) and isinstance(mask, Tensor) and mask.ndim > 1):
        return "unknown entries of a label set; allowed unknown examples of class indices or LabelLists"
    return ""


def obstacle_of_classifier(head: ClassificationHead) -> str:
    """What keeps a classifier from being walked chunk by chunk, in words; empty where nothing does."""
    classifier: Any = head.classifier
    if is_plain_linear(classifier) and classifier.weight.shape == (head.num_classes, head.in_features):
        return ""
    return f"a {type(classifier).__name__} with hooks or weights of its own kind; allowed a plain nn.Linear"


def obstacle_of_criterion(head: ClassificationHead) -> str:
    """What keeps a criterion from being added up chunk by chunk, in words; empty where nothing does."""
    if (type(head.criterion), head.link.name) in TOTALS:
        return ""
    allowed = "CrossEntropy, LogitAdjusted, BalancedSoftmax, BinaryCrossEntropy, and Focal and Asymmetric of sigmoids"
    return f"{type(head.criterion).__name__}; allowed {allowed}"


def held_classes(head: ClassificationHead) -> tuple[Tensor, Tensor | None, Shard | None]:
    """Weight and bias of the classes that this process holds, and which these are; None for all of them."""
    classifier: Any = head.classifier
    weight, bias = classifier.weight, classifier.bias
    mesh = getattr(weight, "device_mesh", None)
    if mesh is None:
        return weight, bias, None
    size = -(-head.num_classes // mesh.size())
    start, stop = (min(size * place, head.num_classes) for place in (mesh.get_local_rank(), mesh.get_local_rank() + 1))
    shard = Shard(start, stop, head.num_classes, mesh.get_group())
    return weight.to_local(), None if bias is None else bias.to_local(), shard


def chunked_loss(
    head: ClassificationHead, features: Float[Tensor, "n d"], target: Any, mask: Tensor | None
) -> Float[Tensor, ""]:
    """The loss of a batch, a scalar: `torchheads.heads.objective.mean_loss` of logits that are never all there."""
    check_features(features, head.in_features)
    head.form.check_form(target, shell(features, head.num_classes))
    target, known = known_examples(head, target, mask)
    weight, bias, shard = held_classes(head)
    total = TOTALS[type(head.criterion), head.link.name]
    loss = total(
        head.criterion, (features, weight, bias, target), known, shard, head.weight_step if head.training else None
    )
    loss = loss / (max(len(features), 1) if known is None else known.sum().clamp(min=1))
    if head.validate and checks.readable(loss):
        checks.check_chunked_loss(head, loss, features)
    return loss


def shell(features: Tensor, num_classes: int) -> Tensor:
    """Logits of shape (n, c) without content, for checks of form: they hold one number."""
    return features.new_empty(1).expand(features.shape[0], num_classes)


def known_examples(
    head: ClassificationHead, target: Tensor | LabelLists, mask: Tensor | None
) -> tuple[Tensor | LabelLists, Tensor | None]:
    """The checked target, a multi-hot as lists, and which examples (n,) count; None for all of them."""
    if isinstance(target, LabelLists):
        return target, head.form.both(None, mask, target.shape[:1])
    if head.validate and checks.readable(target):
        head.form.check_values(target, mask)
    if target.ndim > 1:
        return LabelLists.from_multi_hot(target), None
    values, known = head.form.rows(target, mask)
    return values, known
