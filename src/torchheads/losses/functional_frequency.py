"""Losses and weights that follow from how often each class occurs in training, as pure functions.

m rows (examples or positions), c classes.
"""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchheads.losses.functional import cross_entropy


def logit_adjusted(
    logits: Float[Tensor, "m c"],
    target: Int64[Tensor, "m"] | Float[Tensor, "m c"],
    prior: Float[Tensor, "c"],
    tau: float = 1.0,
    label_smoothing: float = 0.0,
    known: Bool[Tensor, "m c"] | None = None,
) -> Float[Tensor, "m"]:
    """Softmax cross-entropy of logits to which tau ln prior is added, of each row.

        loss = - sum_c  q_c log softmax(z + tau ln pi)_c

    with logits z, target distribution q and class prior pi. The frequent classes get a start in the loss, so z need not
    learn how frequent they are: its argmax is the answer with the lowest balanced error.

    Args:
        logits: unnormalised, shape (m, c).
        target: class indices (m,) in 0..C-1, or distributions (m, c) whose rows sum to 1 or 0.
        prior: share of each class, > 0, shape (c,); a common factor changes nothing.
        tau: >= 0; 1 for the balanced error, 0 for the cross-entropy itself.
        label_smoothing: in [0, 1).
        known: shape (m, c), False where it is not known whether the class is right; needs a distribution target.

    Returns:
        Nats, shape (m,).

    Example:
        >>> logit_adjusted(torch.zeros(1, 2), torch.tensor([1]), torch.tensor([0.75, 0.25]))  # ln 4
        tensor([1.3863])

    Source: Menon et al. (2021), arXiv:2007.07314, section 5.
    """
    return cross_entropy(logits + tau * prior.log(), target, None, label_smoothing, known)


def balanced_softmax(
    logits: Float[Tensor, "m c"],
    target: Int64[Tensor, "m"] | Float[Tensor, "m c"],
    counts: Float[Tensor, "c"],
    label_smoothing: float = 0.0,
    known: Bool[Tensor, "m c"] | None = None,
) -> Float[Tensor, "m"]:
    """Cross-entropy of each row of a softmax whose terms are multiplied by the number of training examples.

        loss = - sum_c  q_c log( n_c exp(z_c) / sum_j n_j exp(z_j) )

    with logits z, target distribution q and counts n. The same as `logit_adjusted` with tau = 1.

    Args:
        logits: unnormalised, shape (m, c).
        target: class indices (m,) in 0..C-1, or distributions (m, c) whose rows sum to 1 or 0.
        counts: training examples of each class, > 0, shape (c,).
        label_smoothing: in [0, 1).
        known: shape (m, c), False where it is not known whether the class is right; needs a distribution target.

    Returns:
        Nats, shape (m,).

    Example:
        >>> balanced_softmax(torch.zeros(1, 2), torch.tensor([1]), torch.tensor([300.0, 100.0]))  # ln 4
        tensor([1.3863])

    Source: Ren et al. (2020), arXiv:2007.10740, section 3.
    """
    return cross_entropy(logits + counts.log(), target, None, label_smoothing, known)


def inverse_frequency(counts: Float[Tensor, "c"], max_ratio: float = math.inf) -> Float[Tensor, "c"]:
    """Weights of classes by the inverse of their frequency, N / (K n_c) over the K classes that occur, shape (c,).

    Their mean over the N training examples is 1, so the loss keeps its scale. No weight is more than ``max_ratio``
    times another. A class without examples, whose weight is never used, gets 1.

    Args:
        counts: training examples of each class, >= 0, shape (c,).
        max_ratio: >= 1; the rarest classes count as having 1 / max_ratio of the examples of the most frequent one.

    Example:
        >>> inverse_frequency(torch.tensor([6.0, 2.0, 0.0]))
        tensor([0.6667, 2.0000, 1.0000])

    Source: King and Zeng (2001), "Logistic regression in rare events data", section 4.2; the form is that of
        scikit-learn's ``class_weight="balanced"``.
    """
    weight = 1 / counts.clamp(min=counts.max() / max_ratio)
    weight = weight * counts.sum() / (counts * weight).where(counts > 0, 0).sum()
    return weight.where(counts > 0, 1)


def negatives_per_positive(
    counts: Float[Tensor, "c"], total: Float[Tensor, "c"], max_ratio: float = math.inf
) -> Float[Tensor, "c"]:
    """Weight of the positive answer to each question, (N - n_c) / n_c, shape (c,): both answers then weigh the same.

    Clipped to 1 / max_ratio and max_ratio; 1 where one of the answers does not occur.

    Args:
        counts: training examples that hold each class, shape (c,).
        total: training examples of which that is known, shape (c,).
        max_ratio: >= 1.

    Example:
        >>> negatives_per_positive(torch.tensor([1.0, 5.0, 0.0]), torch.tensor([10.0, 10.0, 10.0]))
        tensor([9., 1., 1.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html, ``pos_weight``.
    """
    ratio = ((total - counts) / counts).clamp(1 / max_ratio, max_ratio)
    return ratio.where((counts > 0) & (counts < total), 1)


def effective_number(counts: Float[Tensor, "c"], beta: float) -> Float[Tensor, "c"]:
    """How many examples n of a class are worth when later ones repeat earlier ones, shape (c,).

        E_n = (1 - beta^n) / (1 - beta)

    It is n for beta towards 1, and 1 for beta = 0.

    Args:
        counts: n >= 0, shape (c,).
        beta: in [0, 1).

    Example:
        >>> effective_number(torch.tensor([1.0, 2.0, 1000.0]), 0.5)
        tensor([1.0000, 1.5000, 2.0000])

    Source: Cui et al. (2019), arXiv:1901.05555, proposition 1.
    """
    return -torch.expm1(counts * math.log(beta)) / (1 - beta) if beta else counts.clamp(max=1)


def class_balanced(counts: Float[Tensor, "c"], beta: float) -> Float[Tensor, "c"]:
    """Weights of classes by the inverse of their effective number, with mean 1 over the classes that occur, shape (c,).

    A class without examples gets 1.

    Args:
        counts: training examples of each class, >= 0, shape (c,).
        beta: in [0, 1).

    Example:
        >>> class_balanced(torch.tensor([2.0, 1.0, 0.0]), 0.5)  # 1 / 1.5 and 1, with mean 1
        tensor([0.8000, 1.2000, 1.0000])

    Source: Cui et al. (2019), arXiv:1901.05555, section 4.
    """
    seen = counts > 0
    weight = (1 / effective_number(counts, beta)).where(seen, 0)
    return (weight * seen.sum() / weight.sum()).where(seen, 1)


def effective_negatives_per_positive(
    counts: Float[Tensor, "c"], total: Float[Tensor, "c"], beta: float
) -> Float[Tensor, "c"]:
    """`negatives_per_positive` by effective numbers: (1 - beta^(N - n)) / (1 - beta^n), shape (c,).

    Each question is a problem of two classes, its answers. 1 where one of them does not occur.

    Args:
        counts: training examples n that hold each class, shape (c,).
        total: training examples N of which that is known, shape (c,).
        beta: in [0, 1).

    Example:
        >>> effective_negatives_per_positive(torch.tensor([1.0, 0.0]), torch.tensor([3.0, 3.0]), 0.5)
        tensor([1.5000, 1.0000])

    Source: Cui et al. (2019), arXiv:1901.05555, section 4, for two classes.
    """
    ratio = effective_number(total - counts, beta) / effective_number(counts, beta)
    return ratio.where((counts > 0) & (counts < total), 1)
