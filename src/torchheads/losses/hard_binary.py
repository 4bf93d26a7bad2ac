"""The sigmoid cross-entropy of label sets that are known to be hard, with fewer and sharper steps than for any target.

m rows (examples or positions), c classes.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


class HardBinaryCrossEntropy(torch.autograd.Function):
    """Sum over all entries of the sigmoid cross-entropy of targets y that are 0 or 1.

        loss = sum log(1 + exp((1 - 2 y) z)),    d loss / d z = sigmoid(z) - y

    One softplus an entry and nothing that cancels, so the value is right to full precision, where torch's
    (1 - y) z - log sigmoid(z) loses its digits at answers that are right and nearly certain. An infinite logit costs
    nothing where it is right, and is infinite where it is wrong.
    """

    @staticmethod
    def forward(ctx: Any, logits: Float[Tensor, "m c"], target: Float[Tensor, "m c"]) -> Float[Tensor, ""]:
        """The sum in nats, a scalar; logits and target of shape (m, c), both of one floating dtype."""
        ctx.save_for_backward(logits, target)
        ctx.save_for_forward(logits, target)
        entries = torch.rsub(target, 1, alpha=2).mul_(logits)
        F.softplus(entries, threshold=40.0, out=entries)  # type: ignore[call-arg]
        return entries.sum(dtype=torch.float64).to(logits.dtype)  # terms as equal as a fresh head's round the same way

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> tuple[Tensor, None]:
        """The gradient of the logits, shape (m, c); it can be differentiated again."""
        logits, target = ctx.saved_tensors
        probabilities = logits.sigmoid()
        residuals = probabilities - target if torch.is_grad_enabled() else probabilities.sub_(target)
        return residuals * slopes[0], None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Float[Tensor, ""]:
        """The change of the sum along a change of the logits, a scalar."""
        logits, target = ctx.saved_tensors
        change: Tensor = ((logits.sigmoid() - target) * tangents[0]).sum()
        return change
