"""Losses that let what is nearly right count less, as pure functions in nats; one value an example (or entry).

m rows (examples or positions), c classes.
"""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchheads.few_classes import log_softmax
from torchheads.losses.functional import smooth_answers, smooth_distribution, softplus


def focal(
    logits: Float[Tensor, "m c"],
    target: Int64[Tensor, "m"] | Float[Tensor, "m c"],
    gamma: float = 2.0,
    class_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
    known: Bool[Tensor, "m c"] | None = None,
) -> Float[Tensor, "m"]:
    """Focal loss of each row of a softmax; with gamma = 0 it is `torchheads.losses.functional.cross_entropy`.

        loss = - sum_c  w_c q_c (1 - p_c)^gamma log p_c,    p = softmax(z)

    with logits z, class weights w and target distribution q. 1 - p is summed from the other classes, so that it keeps
    its digits where p is nearly 1. What is unknown, ruled out or empty counts as in the cross-entropy.

    Args:
        logits: unnormalised, shape (m, c).
        target: class indices (m,) in 0..C-1, or distributions (m, c) whose rows sum to 1 or 0.
        gamma: >= 0; how little the examples count that are nearly right.
        class_weight: shape (c,), >= 0.
        label_smoothing: in [0, 1).
        known: shape (m, c), False where it is not known whether the class is right; needs a distribution target.

    Returns:
        Nats, shape (m,).

    Example:
        >>> focal(torch.zeros(1, 4), torch.tensor([2]))  # (3/4)^2 ln 4
        tensor([0.7798])

    Source: Lin et al. (2017), arXiv:1708.02002, section 3.2, with the softmax's p for that of a sigmoid.
    """
    if known is not None:
        logits = logits.masked_fill(~known, -math.inf)
    share = target if target.ndim == 2 else torch.zeros_like(logits).scatter(1, target.unsqueeze(1), 1.0)
    share = smooth_distribution(share, label_smoothing, logits != -math.inf if label_smoothing else None)
    log_p = log_softmax(logits)
    hardness = raised(all_others(log_p.exp()), gamma)
    share = share if class_weight is None else share * class_weight
    paid = share != 0
    return -(share * hardness.where(paid, 0) * log_p.where(paid, 0)).sum(dim=1)  # 0 * -inf would be NaN


def all_others(p: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
    """1 - p of each class of rows that sum to 1, shape (m, c); exact also where p is nearly 1.

    Example:
        >>> all_others(torch.tensor([[1.0, 1e-9]]))
        tensor([[1.0000e-09, 1.0000e+00]])
    """
    largest = p.detach().argmax(dim=1, keepdim=True)  # the only one that can come near 1
    return (1 - p).scatter(1, largest, p.scatter(1, largest, 0.0).sum(dim=1, keepdim=True))


def raised(values: Float[Tensor, "..."], exponent: float) -> Float[Tensor, "..."]:
    """Values >= 0 to a power >= 0, any shape; at 0 with slope 0, not with the infinite one of exponents below 1.

    Example:
        >>> raised(torch.tensor([0.0, 0.5]), 2.0)
        tensor([0.0000, 0.2500])
    """
    return values.clamp(min=torch.finfo(values.dtype).tiny).pow(exponent)


def binary_focal(
    logits: Float[Tensor, "m c"],
    target: Float[Tensor, "m c"],
    gamma: float = 2.0,
    alpha: Float[Tensor, "c"] | float | None = None,
    class_weight: Float[Tensor, "c"] | None = None,
    pos_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "m c"]:
    """Focal loss of each entry of a sigmoid; with gamma = 0 and no alpha it is the binary cross-entropy.

        loss = - w_c [ a_c v_c y (1 - p)^gamma log p + (1 - a_c) (1 - y) p^gamma log(1 - p) ],    p = sigmoid(z)

    with logits z, targets y, class weights w, positive weights v and balance a (no factors where alpha is None). It is
    linear in y, so a target between 0 and 1 costs what the mixture of both answers costs.

    Args:
        logits: log-odds, shape (m, c).
        target: in [0, 1], shape (m, c).
        gamma: >= 0; how little the entries count that are nearly right.
        alpha: in (0, 1), one number or shape (c,): weight of the positive part, 1 - alpha that of the negative one.
        class_weight: shape (c,), >= 0.
        pos_weight: shape (c,), > 0; multiplies the positive part.
        label_smoothing: in [0, 1); moves each target towards one half.

    Returns:
        Nats, shape (m, c): not yet summed over classes.

    Example:
        >>> binary_focal(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))  # (1/2)^2 ln 2 each
        tensor([[0.1733, 0.1733]])

    Source: Lin et al. (2017), arXiv:1708.02002, equation 5.
    """
    positive, negative = smooth_answers(target, label_smoothing), smooth_answers(1 - target, label_smoothing)
    if pos_weight is not None:
        positive = positive * pos_weight
    if alpha is not None:
        positive, negative = alpha * positive, (1 - alpha) * negative
    entries = positive * focused(logits, gamma) + negative * focused(-logits, gamma)
    return entries if class_weight is None else entries * class_weight


def focused(logits: Float[Tensor, "..."], gamma: float) -> Float[Tensor, "..."]:
    """(1 - p)^gamma (-log p) of p = sigmoid(z), any shape: a right answer's cost, without forming a saturated p.

    Example:
        >>> focused(torch.tensor([-1e4, 0.0, 1e4]), 1.0)
        tensor([1.0000e+04, 3.4657e-01, 0.0000e+00])
    """
    return torch.exp(-gamma * softplus(logits)) * softplus(-logits)


def asymmetric(
    logits: Float[Tensor, "m c"],
    target: Float[Tensor, "m c"],
    gamma_neg: float = 4.0,
    gamma_pos: float = 1.0,
    clip: float = 0.05,
    class_weight: Float[Tensor, "c"] | None = None,
) -> Float[Tensor, "m c"]:
    """Asymmetric loss of each entry of a sigmoid: negatives are focused more than positives, and easy ones are free.

        loss = - w_c [ y (1 - p)^g+ log p + (1 - y) q^g- log(1 - q) ],    p = sigmoid(z),    q = max(p - clip, 0)

    with logits z, targets y and class weights w. 1 - q = sigmoid(-z) + clip is summed in logarithms, so the loss is
    finite in any dtype, and with ``clip=0`` too. The gradient is that of the whole expression; the code published with
    the paper by default treats (1 - p)^g+ and q^g- as constants in it, which no loss has as its gradient.

    Args:
        logits: log-odds, shape (m, c).
        target: in [0, 1], shape (m, c).
        gamma_neg: g- >= 0, focus of the negative part.
        gamma_pos: g+ >= 0, focus of the positive part.
        clip: in [0, 1); negatives below this probability cost nothing.
        class_weight: shape (c,), >= 0.

    Returns:
        Nats, shape (m, c): not yet summed over classes.

    Example:
        >>> asymmetric(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))  # 0.5 ln 2, and 0.45^4 ln(1 / 0.55)
        tensor([[0.3466, 0.0245]])

    Source: Ridnik et al. (2021), arXiv:2009.14119, section 2.
    """
    negative = raised((logits.sigmoid() - clip).clamp(min=0), gamma_neg) * -shifted_log(logits, clip)
    entries = target * focused(logits, gamma_pos) + (1 - target) * negative
    return entries if class_weight is None else entries * class_weight


def shifted_log(logits: Float[Tensor, "..."], clip: float) -> Float[Tensor, "..."]:
    """log(1 - max(sigmoid(z) - clip, 0)), any shape.

    Example:
        >>> shifted_log(torch.tensor([-10.0, 0.0, 1e4]), 0.5)
        tensor([ 0.0000,  0.0000, -0.6931])
    """
    floor = torch.full_like(logits, math.log(clip) if clip else -math.inf)
    return torch.logaddexp(-softplus(logits), floor).clamp(max=0)
