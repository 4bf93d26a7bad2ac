"""The checks a head makes of its options, its parts and its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling

from torchheads.errors import DataError, HeadConfigError, NonFiniteError, warn
from torchheads.heads.functional import full_precision
from torchheads.losses.base import as_numbers
from torchheads.shapes import no_tensor, rows
from torchheads.targets import MixedTarget, Target, densified, plain_target

if TYPE_CHECKING:
    from torchheads.heads.base import ClassificationHead

innermost_transform = torch._C._functorch.peek_interpreter_stack
"""The ``torch.func`` transform that is at work around the call, or None."""


def check_construction(
    head: ClassificationHead, in_features: int, num_classes: int, score: str, class_names: Sequence[str] | None
) -> None:
    """Refuse impossible sizes, label types, scores and names.

    Raises:
        HeadConfigError: codes H01 (sizes), H22 (label type), H23 (score), H19 (class names).
    """
    owner = type(head).__name__
    if isinstance(head.prior, str) and head.prior not in ("data", "zero"):
        problem = f"prior={head.prior!r}; allowed None, a number, one number a class, 'data' or 'zero'"
        raise HeadConfigError("H20", problem, "prior='data' (head.prior=data)")
    for name, size in (("in_features", in_features), ("num_classes", num_classes)):
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise HeadConfigError("H01", f"{owner} got {name}={size!r}; allowed whole numbers >= 1", f"{name}=10")
    smallest = max(head.min_classes, 2 if head.label_type == "single" else 1)
    if num_classes < smallest:
        problem = f"{owner} got num_classes={num_classes} for label type {head.label_type!r}; allowed >= {smallest}"
        raise HeadConfigError("H01", problem, "SigmoidHead(in_features, 1) for a yes-or-no question")
    if head.label_type not in ("single", "multi"):
        problem = f"label_type={head.label_type!r}; allowed 'single' (exactly one class) or 'multi' (any set)"
        raise HeadConfigError("H22", problem, f"label_type={head.natural_label_type!r}")
    if score not in ("log_odds", "logit"):
        raise HeadConfigError("H23", f"score={score!r}; allowed 'log_odds', 'logit'", "score='log_odds'")
    if class_names is not None:
        check_class_names(class_names, num_classes)


def check_class_names(class_names: Sequence[str], num_classes: int) -> None:
    """Refuse class names that do not tell the classes apart; code H19."""
    names = list(class_names) if isinstance(class_names, Sequence) and not isinstance(class_names, str) else None
    if names is None or not all(isinstance(name, str) and name for name in names):
        problem = f"class_names={class_names!r:.60}; allowed a list of names, none of them empty"
        raise HeadConfigError("H19", problem, "class_names=['cat', 'dog', 'cow']")
    if len(names) != num_classes or len(set(names)) != num_classes:
        problem = f"{len(set(names))} distinct class names for {num_classes} classes"
        raise HeadConfigError("H19", problem, "one name a class, each of them once")


def refuse_no_target(head: ClassificationHead) -> NoReturn:
    """A loss needs a target; code M14."""
    raise DataError("M14", f"{head.form.owner}.loss got no target; allowed a tensor or LabelLists", "head(features)")


def readable(tensor: Tensor) -> bool:
    """Whether values can be looked at without waiting for a device, breaking a graph or a function transform.

    Raises:
        LogitsError: code L04, for logits that are no tensor.
    """
    try:
        return tensor.is_cpu and not is_compiling() and innermost_transform() is None
    except AttributeError:
        raise no_tensor("logits", tensor) from None


def check_loss(head: ClassificationHead, loss: Tensor, logits: Tensor, target: Target, mask: Tensor | None) -> None:
    """Refuse a loss that is NaN or infinite, naming the target or the first sample whose logits are to blame.

    Raises:
        TargetError: when the target holds infinity.
        NonFiniteError: codes L01 (NaN), L02 (infinite).
    """
    value = loss.item()
    if head.probability_batches >= 0:
        look_for_probabilities(head, rows(logits.detach()))
    if value == 0:
        look_for_weightless_batch(head, target, mask)
    if math.isfinite(value):
        return
    for part in (target.first, target.second) if isinstance(target, MixedTarget) else (target,):
        head.form.check_values(*densified(plain_target(part, head.form.owner), mask))
    bad = (~logits.isfinite()).flatten(1).any(dim=1).nonzero()
    where = f"logits of sample {int(bad[0])} are not finite" if len(bad) else "though every logit is finite"
    code = "L01" if logits.isnan().any() or (not len(bad) and math.isnan(value)) else "L02"
    problem = f"{head.form.owner}: the loss is {value}, {where}"
    raise NonFiniteError(code, problem, "a smaller learning rate, gradient clipping, or look at the batch's input")


def check_chunked_loss(head: ClassificationHead, loss: Tensor, features: Tensor) -> None:
    """Refuse a loss over chunks of classes that is NaN or infinite; codes L01, L02."""
    value = loss.item()
    if math.isfinite(value):
        return
    bad = (~features.isfinite()).any(dim=1).nonzero()
    where = f"features of sample {int(bad[0])} are not finite" if len(bad) else "though every feature is finite"
    code = "L01" if math.isnan(value) else "L02"
    problem = f"{head.form.owner}: the loss is {value}, {where}"
    raise NonFiniteError(code, problem, "a smaller learning rate, gradient clipping, or look at the batch's input")


def look_for_probabilities(head: ClassificationHead, logits: Tensor) -> None:
    """Warn when each of the first three batches holds what looks like probabilities; code W03.

    The first batch that does not look like it ends the search.
    """
    logits = full_precision(logits)
    if logits.numel() == 0 or not head.might_be_probabilities(logits):
        head.probability_batches = -1
        return
    head.probability_batches += 1
    if head.probability_batches == 3:
        head.probability_batches = -1
        problem = f"{head.form.owner} got three batches of logits that look like probabilities"
        warn("W03", problem, "the outputs before softmax or sigmoid; the head applies it itself")


def look_for_weightless_batch(head: ClassificationHead, target: Target, mask: Tensor | None) -> None:
    """Warn when a batch with known examples costs nothing and some class weights are 0; code W01."""
    weight = getattr(head.criterion, "class_weight", None)
    if weight is not None and bool((weight == 0).any()) and head.count(target, mask) > 0:
        problem = f"{head.form.owner}: this batch costs nothing; class_weight is 0 for every class in it"
        warn("W01", problem, "larger batches, or a small weight instead of 0")


def check_prior(prior: float | Sequence[float] | Tensor, num_classes: int) -> Tensor:
    """A prior as float64 of shape (num_classes,), every entry in (0, 1).

    Raises:
        HeadConfigError: code H20.
    """
    values = as_numbers(prior, torch.float64)
    if values is None:
        problem = f"prior={prior!r:.60}; allowed one number in (0, 1), or one a class"
        raise HeadConfigError("H20", problem, "prior='data' (head.prior=data)")
    if values.ndim == 0:
        values = values.expand(num_classes)
    if values.shape != (num_classes,):
        problem = f"prior of shape {tuple(values.shape)}; allowed one number or shape ({num_classes},)"
        raise HeadConfigError("H20", problem, "prior='data' (head.prior=data)")
    bad = ~((values > 0) & (values < 1))
    if values.device.type != "meta" and bad.any():
        problem = f"prior {values[bad][0].item():g}; allowed numbers between 0 and 1, both excluded"
        raise HeadConfigError(
            "H20", problem, "(n + 1) / (N + 2) for n positives of N, or prior='data' (head.prior=data)"
        )
    return values


def holds(state: Mapping[str, Tensor], prefix: str, module: nn.Module) -> bool:
    """Whether a state dict has something of a module, all of it of the module's shapes."""
    own = {f"{prefix}{name}": value.shape for name, value in module.state_dict().items()}
    found = own.keys() & state.keys()
    return bool(found) and all(state[key].shape == own[key] for key in found)


def has_content(weight: object) -> bool:
    """Whether a weight is there and not all zero, as a fresh head's is."""
    return isinstance(weight, Tensor) and not weight.is_meta and bool(weight.detach().any())


def find_bias(head: ClassificationHead) -> Tensor:
    """The classifier's bias of shape (num_classes,).

    Raises:
        HeadConfigError: code H21, when it has none.
    """
    bias = getattr(head.classifier, "bias", None)
    if isinstance(bias, nn.Parameter) and bias.shape == (head.num_classes,):
        return bias
    problem = (
        f"prior={head.prior!r} needs a bias of shape ({head.num_classes},), {type(head.classifier).__name__} has none"
    )
    raise HeadConfigError("H21", problem, "prior=None, or set the bias where the logits are made")
