"""One batch of what a head said and what was true, checked once and brought to full precision.

n examples, c classes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from torchheads.errors import LogitsError
from torchheads.metrics.keys import rank_key
from torchheads.targets import TargetForm
from torchheads.targets.base import describe


class Outcome(NamedTuple):
    """A checked batch.

    ``keys``, ``probabilities`` (n, c) and ``nll`` (n,) are float64; ``hot`` is the target as multi-hot (n, c) bool.
    ``truth`` is the target in the form of predictions, class indices (n,) int64 or sets (n, c) bool, and
    ``predictions`` is like it, or None where the decision is not fitted.
    """

    keys: Float64[Tensor, "n c"]
    probabilities: Float64[Tensor, "n c"]
    nll: Float64[Tensor, "n"]
    hot: Bool[Tensor, "n c"]
    truth: Tensor
    predictions: Tensor | None


def check_outcome(
    form: TargetForm, scores: Tensor, probabilities: Tensor, nll: Tensor, target: Tensor, predictions: Tensor | None
) -> Outcome:
    """Check shapes, dtypes, the values of the target and NaN scores.

    Args:
        form: how the target looks and is checked; it names its owner in messages.
        scores: shape (n, c), any floating dtype.
        probabilities: shape (n, c), any floating dtype.
        nll: shape (n,), any floating dtype.
        target: class indices (n,) or multi-hot (n, c).
        predictions: class indices (n,) int64, sets (n, c) bool, or None.

    Raises:
        LogitsError: code L04, for a wrong shape or dtype.
        TargetError: as the form says.
        NonFiniteError: code L01, for a NaN score.

    Example:
        >>> from torchheads.targets import ClassIndex
        >>> said = dict(scores=torch.zeros(1, 2), probabilities=torch.full((1, 2), 0.5), nll=torch.ones(1))
        >>> check_outcome(ClassIndex(2, None, "doc"), **said, target=torch.tensor([1]), predictions=None).hot
        tensor([[False,  True]])
    """
    shape = (scores.shape[0] if scores.ndim else 0, form.num_classes)
    _check(form, "scores", scores, shape)
    _check(form, "probabilities", probabilities, shape)
    _check(form, "nll", nll, shape[:1])
    form.check_form(target, scores)
    form.check_values(target)
    values = form.rows(target, None).values
    hot = form.multi_hot(values, torch.bool)
    truth = hot if values.shape == hot.shape else values
    if predictions is not None:
        _check(form, "predictions", predictions, tuple(truth.shape), truth.dtype)
    return Outcome(rank_key(scores), probabilities.double(), nll.double(), hot, truth, predictions)


def _check(
    form: TargetForm, name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype | None = None
) -> None:
    """Refuse a tensor of a wrong shape or dtype; ``dtype`` None stands for any floating point."""
    right_dtype = tensor.is_floating_point() if dtype is None else tensor.dtype == dtype
    if tuple(tensor.shape) == shape and right_dtype:
        return
    allowed = f"{'floating point' if dtype is None else str(dtype).removeprefix('torch.')} of shape {shape}"
    call = {"nll": "head.nll(logits, target)", "predictions": "head.predict(logits)"}.get(name, f"head.{name}(logits)")
    raise LogitsError("L04", f"{form.owner} got {name} {describe(tensor)}; allowed {allowed}", f"{name}={call}")
