"""Where the class axis is: logits (n, c, *spatial) as rows (m, c), one row a position, and back.

n examples, c classes, d features, m = n x spatial positions.
"""

from jaxtyping import Shaped
from torch import Tensor, nn, strided
from torch.compiler import is_exporting
from torch.nn import functional as F

from torchheads.errors import HeadConfigError, LogitsError

SMALL_ENTRIES = 2**14
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def check_logits(logits: Tensor, num_classes: int) -> None:
    """Refuse logits that are not floating point of shape (N, C) or (N, C, *spatial).

    Raises:
        LogitsError: code L04, naming the type, shape or dtype that came.
    """
    if not isinstance(logits, Tensor):
        raise no_tensor("logits", logits)
    if logits.is_nested or logits.layout is not strided:
        problem = f"{'nested' if logits.is_nested else logits.layout} logits; allowed a dense tensor"
        raise LogitsError("L04", problem, "logits.to_dense()")
    if logits.ndim < 2 or logits.shape[1] != num_classes:
        allowed = f"(N, {num_classes}) or (N, {num_classes}, *spatial)"
        raise LogitsError("L04", f"logits of shape {tuple(logits.shape)}; allowed {allowed}", "logits = head(features)")
    if not logits.is_floating_point():
        raise LogitsError("L04", f"logits of dtype {logits.dtype}; allowed floating point", "logits.float()")


def no_tensor(name: str, value: object) -> LogitsError:
    """The error, code L04, to raise for features or logits that are no tensor.

    Example:
        >>> str(no_tensor("logits", [0.5]))
        'TH-L04: logits that are a list; allowed a tensor. Try: torch.as_tensor(logits)'
    """
    return LogitsError("L04", f"{name} that are a {type(value).__name__}; allowed a tensor", f"torch.as_tensor({name})")


def is_small(values: Tensor) -> bool:
    """Whether entries are so few that what is done with them takes less time than the calls it takes.

    The look at them and the loss of them go by it, since the one may overlook what the other does not bear.
    """
    return values.numel() < SMALL_ENTRIES


def rows(values: Tensor) -> Tensor:
    """Values of shape (N, C, *spatial) as rows of shape (M, C); a view where (N, C) came.

    Example:
        >>> import torch
        >>> rows(torch.zeros(2, 3, 4, 5)).shape
        torch.Size([40, 3])
    """
    return values if values.ndim == 2 else values.movedim(1, -1).flatten(0, -2)


def unrows(values: Shaped[Tensor, "m c"], like: Tensor) -> Tensor:
    """Inverse of `rows`: rows of shape (M, C) in the layout (N, C, *spatial) of ``like``.

    Example:
        >>> import torch
        >>> logits = torch.randn(2, 3, 4, 5)
        >>> torch.equal(unrows(rows(logits), like=logits), logits)
        True
    """
    if like.ndim == 2:
        return values
    return values.reshape(like.shape[0], *like.shape[2:], values.shape[1]).movedim(-1, 1)


def classify(classifier: nn.Module, features: Tensor, in_features: int) -> Tensor:
    """Apply the classifier along axis 1 of features of shape (N, D) or (N, D, *spatial).

    An ``nn.Linear`` works on the last axis, so the feature axis is moved there and back; on the CPU a plain one works
    as a convolution where that would copy the features, in half the time. Any other module gets the features as they
    are.

    Raises:
        HeadConfigError: code L03, when axis 1 does not hold ``in_features`` entries.
        LogitsError: code L04, when the features are no tensor, or not of the classifier's dtype and device.
    """
    try:
        if features.ndim == 2 and features.shape[1] == in_features:
            logits: Tensor = classifier(features)
            return logits
        return _classified(classifier, features, in_features)
    except (AttributeError, RuntimeError, TypeError):
        explain_features(classifier, features)
        raise


def explain_features(classifier: nn.Module, features: object) -> None:
    """Raise the error that says what is wrong with features, where that is why the classifier failed; code L04."""
    parameter = next(classifier.parameters(), None)
    if not isinstance(features, Tensor):
        raise no_tensor("features", features)
    if parameter is None:
        return
    if features.dtype != parameter.dtype:
        problem = f"features of dtype {features.dtype}; allowed {parameter.dtype}, the classifier's own"
        raise LogitsError("L04", problem, f"features.to({parameter.dtype})")
    if features.device != parameter.device:
        problem = f"features on {features.device}; allowed {parameter.device}, where the classifier is"
        raise LogitsError("L04", problem, "head.to(features.device)")


def check_features(features: Tensor, in_features: int) -> None:
    """Refuse features without ``in_features`` entries along axis 1; code L03."""
    if features.ndim < 2 or features.shape[1] != in_features:
        problem = (
            f"features of shape {tuple(features.shape)} for in_features={in_features}; allowed (N, {in_features}, ...)"
        )
        width = features.shape[1] if features.ndim > 1 else "the width of the features"
        raise HeadConfigError("L03", problem, f"in_features={width}")


def _classified(classifier: nn.Module, features: Tensor, in_features: int) -> Tensor:
    check_features(features, in_features)
    if features.ndim == 2 or not isinstance(classifier, nn.Linear):
        logits: Tensor = classifier(features)
        return logits
    last = features.movedim(1, -1)
    as_it_is = is_exporting() or not features.is_cpu or not is_plain_linear(classifier)
    if as_it_is or last.is_contiguous() or not features.numel():
        moved: Tensor = classifier(last)
        return moved.movedim(-1, 1)
    flat = F.conv1d(features.flatten(2), classifier.weight.unsqueeze(-1), classifier.bias)
    return flat.reshape(*flat.shape[:2], *features.shape[2:])


def is_plain_linear(classifier: nn.Module) -> bool:
    """Whether a module is an ``nn.Linear`` and nothing else: what it computes follows from weight and bias alone.

    Example:
        >>> is_plain_linear(nn.Linear(2, 3)), is_plain_linear(nn.Identity())
        (True, False)
    """
    return type(classifier) is nn.Linear and not any(getattr(classifier, hooks) for hooks in HOOKS)
