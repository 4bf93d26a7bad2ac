"""How the loss of a head is put together: target and logits as rows, one loss a row, their mean.

n examples, c classes, m = n x spatial positions (rows).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.compiler import is_compiling

from torchheads.heads import checks
from torchheads.heads.checks import innermost_transform
from torchheads.heads.functional import full_precision
from torchheads.shapes import check_logits, rows
from torchheads.targets import LabelLists, MixedTarget, PlainTarget, Target, TargetRows, densified, plain_target

if TYPE_CHECKING:
    from torchheads.heads.base import ClassificationHead
    from torchheads.losses import Criterion


class RowLosses(NamedTuple):
    """Loss of each row in nats, shape (m,), 0 where the row is unknown, and its weight in a mean; None for 1 each."""

    values: Float[Tensor, "m"]
    weight: Float[Tensor, "m"] | None


def mean_loss(head: ClassificationHead, logits: Tensor, target: Target, mask: Tensor | None) -> Float[Tensor, ""]:
    """The loss of a batch, a scalar; 0 with zero gradient where nothing is known."""
    criterion: Criterion = head._modules["criterion"]  # type: ignore[assignment]  # a module's own look-up takes 1 us
    form, look = head.form, False
    try:
        look = head.validate and logits.is_cpu and not is_compiling() and innermost_transform() is None
        if mask is None and isinstance(target, Tensor) and form.is_usual(target, logits):
            # Class indices out of range are refused by the kernel itself, at no cost, and explained below.
            if look and (target.ndim > 1 or not criterion.refuses_bad_indices) and not form.plausible(target):
                form.check_values(target)
            mean = criterion.mean_of_hard if look else criterion.mean
            loss: Tensor = mean(logits, head.criterion_target(target, logits.dtype))
        elif isinstance(target, MixedTarget):
            loss = weighted_mean(_row_losses(head, logits, target, mask, criterion))
        else:
            values = criterion_rows(head, logits, target, mask)
            seen = look and form.hard and values[2] is None
            loss = criterion.mean_of_hard(*values[:2]) if seen else criterion.mean(*values)
    except (AttributeError, IndexError, RuntimeError, TypeError):
        explain_failure(head, logits, target, mask)
        raise
    if look and (not 0 < loss.item() < math.inf or head.probability_batches >= 0):
        checks.check_loss(head, loss, logits, target, mask)
    return loss


def row_losses(
    head: ClassificationHead, logits: Tensor, target: Target, mask: Tensor | None, criterion: Criterion
) -> RowLosses:
    """Loss and weight of each row; logits of shape (N, C, *spatial) give m = N x spatial rows."""
    try:
        return _row_losses(head, logits, target, mask, criterion)
    except (AttributeError, IndexError, RuntimeError, TypeError):
        explain_failure(head, logits, target, mask)
        raise


def _row_losses(
    head: ClassificationHead, logits: Tensor, target: Target, mask: Tensor | None, criterion: Criterion
) -> RowLosses:
    if isinstance(target, MixedTarget):
        first, second = (_row_losses(head, logits, half, mask, criterion) for half in (target.first, target.second))
        return mix(target.row_share(first.values.shape[0]), first, second)
    row_logits, values, known = criterion_rows(head, logits, target, mask)
    losses: Tensor = criterion(row_logits, values, known)
    return RowLosses(losses, row_weight(TargetRows(values, known), losses.dtype))


def criterion_rows(
    head: ClassificationHead, logits: Tensor, target: PlainTarget, mask: Tensor | None
) -> tuple[Float[Tensor, "m c"], Tensor, Tensor | None]:
    """Logits as rows, and the checked target as rows in the form that the head's criterion wants: values and known.

    Args:
        head: the head.
        logits: shape (N, C, *spatial).
        target: as the head takes it.
        mask: what of it is known; None for everything.

    Raises:
        LogitsError, TargetError, DataError: when type, form, shape, dtype or range do not fit.
    """
    check_logits(logits, head.num_classes)
    form = head.form
    plain = plain_target(target, form.owner)
    form.check_form(plain, logits)
    dense, mask = densified(plain, mask)
    target_rows = form.rows(dense, mask)
    if head.validate and checks.readable(logits) and checks.readable(dense):
        form.check_values(dense, mask)
    row_logits = full_precision(rows(logits))
    return row_logits, head.criterion_target(target_rows.values, row_logits.dtype), target_rows.known


def explain_failure(head: ClassificationHead, logits: Tensor, target: Target, mask: Tensor | None) -> None:
    """Raise the error that says what is wrong with logits or target, where that is why torch failed."""
    check_logits(logits, head.num_classes)
    for half in (target.first, target.second) if isinstance(target, MixedTarget) else (target,):
        plain = plain_target(half, head.form.owner)
        head.form.check_form(plain, logits)
        dense, dense_mask = densified(plain, mask)
        if checks.readable(dense):
            head.form.check_values(dense, dense_mask)


def row_weight(target_rows: TargetRows, dtype: torch.dtype) -> Tensor | None:
    """1 for a row in which anything is known, else 0, shape (m,); None for 1 each."""
    known = target_rows.known_rows
    return None if known is None else known.to(dtype)


def mix(share: Tensor, first: RowLosses, second: RowLosses) -> RowLosses:
    """share * first + (1 - share) * second, losses and weights alike; share of shape () or (m,)."""
    share = share.to(first.values.dtype)
    values = share * first.values + (1 - share) * second.values
    if first.weight is None or second.weight is None:
        return RowLosses(values, None)
    return RowLosses(values, share * first.weight + (1 - share) * second.weight)


def weighted_mean(losses: RowLosses) -> Float[Tensor, ""]:
    """Sum of the losses over the sum of their weights, a scalar; 0 where no row is known.

    Example:
        >>> weighted_mean(RowLosses(torch.tensor([3.0, 0.0]), torch.tensor([1.0, 0.0])))
        tensor(3.)
    """
    total = losses.values.sum()
    if losses.weight is None:
        return total / max(losses.values.shape[0], 1)
    count = losses.weight.sum()
    return total / count.where(count > 0, 1)


def known_rows(head: ClassificationHead, target: Target, mask: Tensor | None) -> RowLosses:
    """Which rows a mean goes over, without logits: zero losses, (m,), and their weights.

    A mixed target counts each row with the share of it that is known.
    """
    if isinstance(target, MixedTarget):
        first, second = (known_rows(head, half, mask) for half in (target.first, target.second))
        return mix(target.row_share(first.values.shape[0]), first, second)
    plain = plain_target(target, head.form.owner)
    if isinstance(plain, LabelLists) and mask is None:  # without their C columns
        return RowLosses(torch.zeros(len(plain), device=plain.device), None)
    values, known = head.form.rows(*densified(plain, mask))
    nothing = torch.zeros(values.shape[0], device=values.device)
    return RowLosses(nothing, row_weight(TargetRows(values, known), nothing.dtype))


def count_known(head: ClassificationHead, target: Target, mask: Tensor | None) -> int | Tensor:
    """How many rows of a target are known: what the mean of its loss divides by."""
    if isinstance(target, MixedTarget):
        return num_known(known_rows(head, target, mask))
    plain = plain_target(target, head.form.owner)
    if isinstance(plain, LabelLists) and mask is None:
        return len(plain)
    return head.form.rows(*densified(plain, mask)).num_known


def num_known(losses: RowLosses) -> int | Tensor:
    """Over how many rows the mean goes."""
    return losses.values.shape[0] if losses.weight is None else losses.weight.sum()
