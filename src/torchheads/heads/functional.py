"""From logits to scores, as pure functions.

m rows (examples or positions), c classes.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def full_precision(values: Tensor) -> Tensor:
    """Half-precision values as float32; float32 and float64 as they are, any shape.

    Example:
        >>> full_precision(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return values.float() if values.dtype.itemsize < 4 else values


def log_odds(logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
    """The log-odds of each class under the softmax, shape (m, c): logit(p_c) without ever forming a saturated p_c.

        s_c = z_c - logsumexp_{j != c} z_j  =  log p_c - log(1 - p_c)

    The right form is exact while p_c <= 1/2; above one half, which only the row's largest class can reach, the left
    form is used, so that scores keep their order where the softmax has long become 1. Adding a constant to a row
    changes nothing. Equal logits give equal scores.

    Example:
        >>> log_odds(torch.tensor([[100.0, 0.0]]))
        tensor([[ 100., -100.]])

    Source: the definition of log-odds; stable log(1 - p) as in Maechler (2012), "Accurately computing
        log(1 - exp(-|a|))".
    """
    logits = logits - logits.detach().amax(dim=1, keepdim=True)  # before any logarithm is added to a large number
    log_p = logits.log_softmax(dim=1)
    largest = logits.argmax(dim=1, keepdim=True)
    others = logits.scatter(1, largest, -math.inf).logsumexp(dim=1, keepdim=True)
    dominates = torch.zeros_like(logits, dtype=torch.bool).scatter(1, largest, log_p.gather(1, largest) > -math.log(2))
    p = log_p.exp().where(~dominates, 0.5)  # a finite stand-in, so that no gradient turns into NaN
    return (logits - others).where(dominates, log_p - torch.log1p(-p))
