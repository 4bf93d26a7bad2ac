"""The sigmoid cross-entropy of label sets that are known to be hard: each entry by its distance to the wrong side.

m rows (examples or positions), c classes.
"""

import math
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from torchheads.shapes import is_small


def hard_mean(
    logits: Float[Tensor, "m c"], target: Float[Tensor, "m c"], weight: Float[Tensor, "m c"] | None, count: int
) -> Float[Tensor, ""]:
    """The sum over all entries of the sigmoid cross-entropy of targets y that are 0 or 1, divided by ``count``.

        loss = sum v log(1 + exp((1 - 2 y) z)) / count,    d loss / d z = v (sigmoid(z) - y) / count

    with weights v of the entries. One softplus an entry and nothing that cancels, so the value is right to full
    precision, where torch's (1 - y) z - log sigmoid(z) loses its digits at answers that are right and nearly certain.

    Args:
        logits: shape (m, c), on the CPU.
        target: 0 and 1, shape and dtype of the logits.
        weight: shape and dtype of the logits; None for 1.
        count: what to divide by.

    Returns:
        Nats, a scalar; NaN or infinite where a logit is.

    Example:
        >>> hard_mean(torch.tensor([[-20.0]]), torch.tensor([[0.0]]), None, count=1)  # exp(-20); torch says 0
        tensor(2.0612e-09)
    """
    if not is_small(logits):
        if not all_finite(logits):
            return infinite_loss(logits, target)
        total: Tensor = HardBinaryCrossEntropy.apply(logits, target, weight)  # type: ignore[no-untyped-call]
        return total / count
    share = 1 if count & (count - 1) else count  # softplus divides by its beta: by a power of two exactly
    signed = logits * torch.sub(one_over(share), target, alpha=2 / share)
    if not math.isfinite(signed.detach().sum().item()) and not all_finite(signed):
        return infinite_loss(logits, target)
    entries = F.softplus(signed, share, 40.0)
    total = (entries if weight is None else entries * weight).sum()
    return total if share == count else total / count


def all_finite(values: Float[Tensor, "m c"]) -> bool:
    """Whether no value is NaN or infinite; softplus would bear -inf. A finite sum says so in one pass."""
    values = values.detach()
    return math.isfinite(values.sum().item()) or bool(values.isfinite().all())


def infinite_loss(logits: Float[Tensor, "m c"], target: Float[Tensor, "m c"]) -> Float[Tensor, ""]:
    """What torch's form makes of infinite logits or targets: NaN or infinity."""
    return F.binary_cross_entropy_with_logits(logits, target, reduction="sum")


@lru_cache
def one_over(count: int) -> Float[Tensor, ""]:
    """1 / count as a tensor, which torch takes faster than a number."""
    return torch.tensor(1 / count, dtype=torch.float32, device="cpu")


class HardBinaryCrossEntropy(torch.autograd.Function):
    """The sum of `hard_mean` for many entries, in fewer passes over them."""

    @staticmethod
    def forward(
        ctx: Any, logits: Float[Tensor, "m c"], target: Float[Tensor, "m c"], weight: Float[Tensor, "m c"] | None = None
    ) -> Float[Tensor, ""]:
        """The sum in nats, a scalar; all of shape (m, c) and of one floating dtype."""
        ctx.save_for_backward(logits, target, weight)
        ctx.save_for_forward(logits, target, weight)
        entries = torch.rsub(target, 1, alpha=2).mul_(logits)
        F.softplus(entries, threshold=40.0, out=entries)  # type: ignore[call-arg]
        if weight is not None:
            entries.mul_(weight)
        return entries.sum(dtype=torch.float64).to(logits.dtype)  # terms as equal as a fresh head's round the same way

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> tuple[Tensor, None, None]:
        """The gradient of the logits, shape (m, c); it can be differentiated again."""
        return _slopes(ctx) * slopes[0], None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Float[Tensor, ""]:
        """The change of the sum along a change of the logits, a scalar."""
        change: Tensor = (_slopes(ctx) * tangents[0]).sum()
        return change


def _slopes(ctx: Any) -> Tensor:
    """v (sigmoid(z) - y), shape (m, c)."""
    logits, target, weight = ctx.saved_tensors
    probabilities = logits.sigmoid()
    if torch.is_grad_enabled():
        slopes: Tensor = probabilities - target
    else:
        slopes = probabilities.sub_(target)
    return slopes if weight is None else slopes * weight
