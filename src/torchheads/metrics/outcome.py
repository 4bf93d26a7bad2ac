"""One batch of what a head said and what was true, checked once, brought to full precision, without what is unknown.

n examples, c classes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int64, UInt8
from torch import Tensor

from torchheads.errors import LogitsError, TargetError
from torchheads.metrics.keys import rank_key
from torchheads.metrics.states import UNKNOWN
from torchheads.targets import TargetForm
from torchheads.targets.base import describe

REJECTED = -1
"""The prediction of a row that belongs to none of the classes."""

# Axes of a hard target, and the code and remedy where a soft one came, by label type.
_HARD = {"single": (1, "T06", "target.argmax(dim=1)"), "multi": (2, "M13", "target >= 0.5")}


class Outcome(NamedTuple):
    """A checked batch.

    ``keys``, ``probabilities`` (n, c) and ``nll`` (n,) are float64; ``hot`` is the target as multi-hot (n, c) bool.
    ``truth`` is the target in the form of predictions, class indices (n,) int64 or sets (n, c) bool, and
    ``predictions`` is like it, or None where the decision is not fitted. ``known`` (n, c) is None for "everything";
    each row has something known. An unknown entry is no label, is not predicted and has probability 0, so that it adds
    nothing to sums over labels, predictions and their differences.
    """

    keys: Float64[Tensor, "n c"]
    probabilities: Float64[Tensor, "n c"]
    nll: Float64[Tensor, "n"]
    hot: Bool[Tensor, "n c"]
    truth: Tensor
    predictions: Tensor | None
    known: Bool[Tensor, "n c"] | None = None

    def rows_known(self) -> Int64[Tensor, "c"]:
        """In how many rows each class is known, shape (c,)."""
        if self.known is None:
            return torch.full(self.hot.shape[1:], self.hot.shape[0], dtype=torch.int64, device=self.hot.device)
        return self.known.sum(dim=0)

    def codes(self) -> UInt8[Tensor, "n c"]:
        """The target as a `RankTable` keeps it, shape (n, c): 0, 1 or unknown."""
        codes = self.hot.view(torch.uint8)
        return codes if self.known is None else codes.masked_fill(~self.known, UNKNOWN)


def check_outcome(
    form: TargetForm,
    scores: Tensor,
    probabilities: Tensor,
    nll: Tensor,
    target: Tensor,
    predictions: Tensor | None,
    known: Tensor | None = None,
) -> Outcome:
    """Check shapes, dtypes, the values of target and predictions, and NaN scores; what is unknown may hold anything.

    Args:
        form: how the target looks and is checked; it names its owner in messages.
        scores: shape (n, c), any floating dtype.
        probabilities: shape (n, c), any floating dtype.
        nll: shape (n,), any floating dtype.
        target: class indices (n,) or multi-hot (n, c).
        predictions: class indices (n,) int64 or -1 for none, sets (n, c) bool, or None.
        known: bool of the shape that a hard target has; None for everything.

    Raises:
        LogitsError: code L04, for a wrong shape or dtype, or a predicted class that there is not.
        TargetError: code M13 or T06 for soft targets, and as the form says.
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
    if known is not None:
        _check(form, "known", known, shape[: _HARD[form.label_type][0]], torch.bool)
    if target.shape == scores.shape:
        refuse_soft(form, target, known)
    form.check_form(target, scores)
    form.check_values(target, known)
    values = form.rows(target, known).values
    hot = form.multi_hot(values, torch.bool)
    truth = hot if values.shape == hot.shape else values
    if predictions is not None:
        _check(form, "predictions", predictions, tuple(truth.shape), truth.dtype)
        predictions = predictions if known is None else predictions.masked_fill(~known, 0)
        _check_predicted(form, predictions)
    if known is None:
        return Outcome(rank_key(scores), probabilities.double(), nll.double(), hot, truth, predictions)
    entries = (known if known.ndim == 2 else known.unsqueeze(1)).expand(shape)
    keys, probabilities = rank_key(scores.where(entries, 0)), probabilities.double().where(entries, 0)
    partly = None if known.ndim == 1 else known
    batch = Outcome(keys, probabilities, nll.double(), hot, truth, predictions, partly)
    kept = entries.any(dim=1)  # an unknown class index is 0 by now, which is a class: such rows must go
    return Outcome(*(None if part is None else part[kept] for part in batch))  # type: ignore[arg-type]


def hard_rows(form: TargetForm, values: Tensor, known: Tensor | None) -> Tensor:
    """Row values of any target form, (n,) or (n, c), as a suite takes them: one-hot rows become class indices.

    Raises:
        TargetError: code M13 or T06, for soft ones.

    Example:
        >>> from torchheads.targets import ClassIndex
        >>> hard_rows(ClassIndex(2, None, "doc"), torch.tensor([[0.0, 1.0]]), known=None)
        tensor([1])
    """
    refuse_soft(form, values, known)
    return values if values.ndim == _HARD[form.label_type][0] else values.argmax(dim=1)


def refuse_soft(form: TargetForm, target: Tensor, known: Tensor | None) -> None:
    """Refuse a target of shape (n, c) that is neither right nor wrong about a class: no metric here is defined for it.

    Raises:
        TargetError: code M13 for label sets, T06 for distributions, with the value and its place.
    """
    if not target.is_floating_point() or target.ndim != 2:
        return
    soft = (target > 0) & (target < 1)
    if known is not None:
        soft &= known if known.ndim == 2 else known.unsqueeze(1)
    if soft.any():
        _, code, remedy = _HARD[form.label_type]
        row, label = soft.nonzero()[0].tolist()
        problem = (
            f"{form.owner} got the soft target {target[row, label].item():g} at row {row} of the batch, class {label}; "
            "allowed hard ones, since a metric asks whether a class is right"
        )
        raise TargetError(code, problem, f"{remedy}, or validate on labels that are not mixed")


def _check_predicted(form: TargetForm, predictions: Tensor) -> None:
    """Refuse class indices outside -1..C-1; a set, as bool, can hold nothing wrong."""
    if predictions.dtype == torch.bool:
        return
    bad = (predictions < REJECTED) | (predictions >= form.num_classes)
    if bad.any():
        row = int(bad.nonzero()[0, 0])
        problem = (
            f"{form.owner} got the predicted class {int(predictions[row])} at row {row} of the batch; "
            f"allowed 0..{form.num_classes - 1}, or {REJECTED} for none of them"
        )
        raise LogitsError("L04", problem, "predictions=head.predict(logits)")


def _check(
    form: TargetForm, name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype | None = None
) -> None:
    """Refuse a tensor of a wrong shape or dtype; ``dtype`` None stands for any floating point."""
    right_dtype = tensor.is_floating_point() if dtype is None else tensor.dtype == dtype
    if tuple(tensor.shape) == shape and right_dtype:
        return
    allowed = f"{'floating point' if dtype is None else str(dtype).removeprefix('torch.')} of shape {shape}"
    calls = {"nll": "head.nll(logits, target)", "predictions": "head.predict(logits)", "known": "target != -1"}
    call = calls.get(name, f"head.{name}(logits)")
    raise LogitsError("L04", f"{form.owner} got {name} {describe(tensor)}; allowed {allowed}", f"{name}={call}")
