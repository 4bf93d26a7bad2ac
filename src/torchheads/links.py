"""The two link functions: what softmax and sigmoid make of logits, and what they cost where they are wrong.

m rows (examples or positions), c classes.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from torchheads.few_classes import log_softmax

LinkName = Literal["softmax", "sigmoid"]


class Link(ABC):
    """Everything that follows from a link function alone; `SOFTMAX` and `SIGMOID` are the two there are.

    Calibrators fit and apply themselves through it, so that none of them asks which head it serves.
    """

    name: ClassVar[LinkName]
    judges_alone: ClassVar[bool] = (
        False  # whether each class has a likelihood of its own, so that it can be fitted alone
    )

    @abstractmethod
    def scores(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Log-odds of each class, shape (m, c)."""

    @abstractmethod
    def probabilities(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Probability of each class, shape (m, c)."""

    @abstractmethod
    def logits(self, log_p: Float[Tensor, "m c"], log_not_p: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Logits that stand for judgements of each class alone: ln p and ln(1 - p), shape (m, c) each.

        A softmax normalises them: its probabilities are p_c / sum_j p_j.
        """

    @abstractmethod
    def nll(
        self, logits: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> Float[Tensor, "m"]:
        """Negative log-likelihood of label sets (m, c) in nats, shape (m,); what is not known costs nothing."""


class SoftmaxLink(Link):
    """Classes compete for a mass of one."""

    name = "softmax"

    def scores(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Each class against all others together, shape (m, c)."""
        return log_odds(logits)

    def probabilities(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Softmax over the classes, shape (m, c); rows sum to 1."""
        return logits.softmax(dim=1)

    def logits(self, log_p: Float[Tensor, "m c"], log_not_p: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """ln p itself, shape (m, c)."""
        return log_p

    def nll(
        self, logits: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> Float[Tensor, "m"]:
        """Mean over the labels of each set, as the head is trained; 0 for an empty set, shape (m,)."""
        if known is not None:
            logits, target = logits.masked_fill(~known, -math.inf), target & known
        log_p = log_softmax(logits).where(target, 0)
        return -log_p.sum(dim=1) / target.sum(dim=1).clamp(min=1)


class SigmoidLink(Link):
    """Every class is judged alone."""

    name = "sigmoid"
    judges_alone = True

    def scores(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """The logits themselves, shape (m, c)."""
        return logits

    def probabilities(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Sigmoid of each entry, shape (m, c)."""
        return logits.sigmoid()

    def logits(self, log_p: Float[Tensor, "m c"], log_not_p: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """ln p - ln(1 - p), shape (m, c)."""
        return log_p - log_not_p

    def nll(
        self, logits: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> Float[Tensor, "m"]:
        """Summed over the classes, shape (m,)."""
        entries = F.softplus(logits.where(~target, -logits), threshold=40.0)
        return (entries if known is None else entries.where(known, 0)).sum(dim=1)


SOFTMAX, SIGMOID = SoftmaxLink(), SigmoidLink()


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
