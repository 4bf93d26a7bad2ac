"""The softmax's denominator of rows whose logits come a chunk of classes at a time.

n examples, k classes of one chunk.
"""

import math
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from torchheads.linear.shard import Part

LOG2_E = math.log2(math.e)


class Partition:
    """sum_c exp(z_nc) of rows whose logits come a chunk at a time, as ``top`` and sum_c exp(z_nc - top), both (n,)."""

    def __init__(self, rows: int, like: Float[Tensor, "..."]) -> None:
        self.top = like.new_full((rows,), torch.finfo(like.dtype).min)  # finite: -inf - -inf would be NaN
        self.total = like.new_zeros(rows)

    def add(self, logits: Float[Tensor, "n k"]) -> None:
        """Take in the logits (n, k) of one chunk, and overwrite them."""
        top = torch.maximum(self.top, logits.amax(dim=1))
        self.total *= (self.top - top).exp()
        self.total += exp_(logits.sub_(top.unsqueeze(1))).sum(dim=1)
        self.top = top

    @property
    def log(self) -> Float[Tensor, "n"]:
        """log sum_c exp(z_nc), shape (n,); -inf before the first class."""
        return self.top + self.total.log()


class Rivals:
    """The largest logit of each row and, apart from it, the `Partition` of all others: what log-odds are made of.

    Use it for scores and `Partition` for the loss. Apart from the rest, the largest class never drowns the others, so
    its log-odds keep their digits where its probability has long become 1.

        s_c = z_c - log sum_{j != c} exp(z_j)

    Example:
        >>> rivals = Rivals(1, like=torch.zeros(()))
        >>> for logits in torch.tensor([[100.0, -50.0, 0.0]]).split(2, dim=1):
        ...     rivals.add(logits.clone())
        >>> rivals.log_odds(torch.tensor([[100.0, -50.0, 0.0]]))
        tensor([[ 100., -150., -100.]])

    Source: the definition of log-odds, as in `torchheads.links.log_odds`.
    """

    def __init__(self, rows: int, like: Float[Tensor, "..."]) -> None:
        self.largest = like.new_full((rows,), -math.inf)
        self.others = Partition(rows, like)

    def add(self, logits: Float[Tensor, "n k"]) -> None:
        """Take in the logits (n, k) of one chunk, and overwrite them."""
        best, place = logits.max(dim=1, keepdim=True)
        largest = self.largest.unsqueeze(1)
        logits.scatter_(1, place, torch.minimum(best, largest))  # whoever loses is one of the others
        self.others.add(logits)
        self.largest = torch.maximum(best, largest).squeeze(1)

    def meet(self, part: "Part") -> None:
        """Make of the sums over a part's classes those over all classes; the first of equal parts leads."""
        largest = part.gather(self.largest.unsqueeze(1), 1)
        best, winner = largest.max(dim=1)
        mine = part.gather(torch.full_like(self.largest, part.first).unsqueeze(1), 1)  # the first class of each part
        loses = mine.gather(1, winner.unsqueeze(1)).squeeze(1) != part.first
        self.others.add(self.largest.where(loses, -math.inf).unsqueeze(1))
        part.meet(self.others)
        self.largest = best

    def log_odds(self, logits: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Log-odds of some classes of the rows, given their logits, both of shape (n, k)."""
        others = self.others.log
        whole = torch.logaddexp(self.largest, others)
        dominates = self.largest - whole > -math.log(2)  # at most one class of a row has more than half
        largest = dominates.unsqueeze(1) & (logits == self.largest.unsqueeze(1))
        log_p = logits - whole.unsqueeze(1)
        p = log_p.exp().where(~largest, 0.5)
        return (logits - others.unsqueeze(1)).where(largest, log_p - torch.log1p(-p))


def exp_(values: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """exp in place, as a power of two: the same to the last digit or two, and three times as fast on a CPU."""
    return values.mul_(LOG2_E).exp2_()
