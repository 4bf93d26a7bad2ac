"""The losses as pure functions, one value an example (or entry), in nats; reduction is the caller's.

m rows (examples or positions), c classes.
"""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from torchheads.few_classes import are_few, log_softmax

NO_INDEX = torch.iinfo(torch.int64).min
"""No class index: torch would otherwise pass over -100 in silence. What is unknown is told apart before."""


def cross_entropy(
    logits: Float[Tensor, "m c"],
    target: Int64[Tensor, "m"] | Float[Tensor, "m c"],
    class_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
    known: Bool[Tensor, "m c"] | None = None,
) -> Float[Tensor, "m"]:
    """Softmax cross-entropy of each row; exactly one class is right, or a distribution over classes is.

        loss = - sum_c  w_c q_c log softmax(z)_c

    with logits z, class weights w and target distribution q (all mass on the class index where one is given). Label
    smoothing mixes q with the uniform distribution: (1 - e) q + e / C. A row without any mass (an empty label set)
    costs nothing. Unknown classes leave the softmax: the row is what it would be without them. So do classes that are
    ruled out by a logit of -inf, unless they are right.

    Args:
        logits: unnormalised, shape (m, c).
        target: class indices (m,) in 0..C-1, or distributions (m, c) whose rows sum to 1 or 0.
        class_weight: shape (c,), >= 0; multiplies, and does not enter any denominator.
        label_smoothing: in [0, 1).
        known: shape (m, c), False where it is not known whether the class is right; needs a distribution target.

    Returns:
        Nats, shape (m,).

    Example:
        >>> cross_entropy(torch.zeros(1, 4), torch.tensor([2]))  # ln 4
        tensor([1.3863])

    Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs"; smoothing:
        Szegedy et al. (2016), arXiv:1512.00567, section 7.
    """
    if target.ndim == 1:
        if label_smoothing:
            return smoothed_cross_entropy(logits, target, class_weight, label_smoothing)
        return index_cross_entropy(logits, target, class_weight, reduction="none")
    if known is not None:
        logits = logits.masked_fill(~known, -math.inf)
    share = smooth_distribution(target, label_smoothing, logits != -math.inf if label_smoothing else None)
    share = share if class_weight is None else share * class_weight
    return -(share * log_softmax(logits).where(share != 0, 0)).sum(dim=1)  # 0 * -inf would be NaN


def index_cross_entropy(
    logits: Float[Tensor, "m c"],
    target: Int64[Tensor, "m"],
    class_weight: Float[Tensor, "c"] | None = None,
    reduction: str = "mean",
) -> Tensor:
    """torch's ``cross_entropy`` of class indices; few classes go in as the positions of one picture, along columns.

    Example:
        >>> index_cross_entropy(torch.zeros(1, 4), torch.tensor([2]))  # ln 4
        tensor(1.3863)
    """
    if not are_few(logits):
        return F.cross_entropy(logits, target, class_weight, ignore_index=NO_INDEX, reduction=reduction)
    columns, row = logits.t().unsqueeze(0), target.unsqueeze(0)
    return F.cross_entropy(columns, row, class_weight, ignore_index=NO_INDEX, reduction=reduction).squeeze(0)


def smoothed_cross_entropy(
    logits: Float[Tensor, "m c"],
    target: Int64[Tensor, "m"],
    class_weight: Float[Tensor, "c"] | None,
    label_smoothing: float,
) -> Float[Tensor, "m"]:
    """`cross_entropy` of class indices with label smoothing, without ever writing the distributions, shape (m,).

    The uniform share goes to the classes that are not ruled out by a logit of -inf, which torch's own smoothing makes
    infinite.

    Example:
        >>> smoothed_cross_entropy(torch.tensor([[0.0, 0.0, -math.inf]]), torch.tensor([1]), None, 0.2)  # ln 2
        tensor([0.6931])

    Source: Szegedy et al. (2016), arXiv:1512.00567, section 7.
    """
    log_p = log_softmax(logits)
    weighted = log_p if class_weight is None else log_p * class_weight
    possible = logits != -math.inf
    share = label_smoothing / possible.sum(dim=1, keepdim=True).to(log_p.dtype)
    right = weighted.gather(1, target.unsqueeze(1)).squeeze(1)
    return (label_smoothing - 1) * right - (share * weighted.where(possible, 0)).sum(dim=1)


def smooth_distribution(
    distribution: Float[Tensor, "m c"], label_smoothing: float, known: Bool[Tensor, "m c"] | None = None
) -> Float[Tensor, "m c"]:
    """Mix each distribution with the uniform one over its known classes: (1 - e) q + e u, shape (m, c).

    A row without mass stays without mass.

    Example:
        >>> smooth_distribution(torch.tensor([[1.0, 0.0]]), 0.2)
        tensor([[0.9000, 0.1000]])

    Source: Szegedy et al. (2016), arXiv:1512.00567, section 7.
    """
    if label_smoothing == 0:
        return distribution
    mass = distribution.sum(dim=1, keepdim=True)
    if known is None:
        uniform = mass / distribution.shape[1]
    else:
        uniform = mass * known / known.sum(dim=1, keepdim=True).clamp(min=1)
    return (1 - label_smoothing) * distribution + label_smoothing * uniform


def binary_cross_entropy(
    logits: Float[Tensor, "m c"],
    target: Float[Tensor, "m c"],
    class_weight: Float[Tensor, "c"] | None = None,
    pos_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "m c"]:
    """Sigmoid cross-entropy of each entry; every class is a yes-or-no question of its own.

        loss = - w_c [ v_c y log sigmoid(z) + (1 - y) log(1 - sigmoid(z)) ]

    with logits z, targets y, class weights w and positive weights v. Label smoothing moves y towards one half, since
    each question has two answers: (1 - e) y + e / 2.

    Args:
        logits: log-odds, shape (m, c).
        target: in [0, 1], shape (m, c).
        class_weight: shape (c,), >= 0.
        pos_weight: shape (c,), > 0; multiplies the positive part.
        label_smoothing: in [0, 1).

    Returns:
        Nats, shape (m, c): not yet summed over classes.

    Example:
        >>> binary_cross_entropy(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))  # ln 2 each
        tensor([[0.6931, 0.6931]])

    Source: Good (1952), "Rational decisions" (logarithmic score); stable form as in
        https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
    """
    positive, negative = smooth_answers(target, label_smoothing), smooth_answers(1 - target, label_smoothing)
    if pos_weight is not None:
        positive = positive * pos_weight
    entries = positive * softplus(-logits) + negative * softplus(logits)
    return entries if class_weight is None else entries * class_weight


def softplus(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """ln(1 + exp(x)), any shape: -log sigmoid(-x) to full relative precision, however small it is.

    Each entry of a sigmoid cross-entropy as a sum of these has no terms that cancel. The usual form with one of them,
    softplus(z) - y z or (1 - y) z - log sigmoid(z), loses its digits where the answer is right and nearly certain: in
    float32 all of them at |z| = 17, and 0.4 % of a mean over 100,000 classes.

    Example:
        >>> softplus(torch.tensor([-17.0, 0.0, 17.0]))
        tensor([4.1399e-08, 6.9315e-01, 1.7000e+01])
    """
    return F.softplus(values, threshold=40.0)  # beyond it ln(1 + exp(x)) is x, in float64 too


def smooth_answers(target: Float[Tensor, "m c"], label_smoothing: float) -> Float[Tensor, "m c"]:
    """Move yes-or-no targets towards one half, since each question has two answers: (1 - e) y + e / 2, shape (m, c).

    Example:
        >>> smooth_answers(torch.tensor([[1.0, 0.0]]), 0.2)
        tensor([[0.9000, 0.1000]])

    Source: Szegedy et al. (2016), arXiv:1512.00567, section 7, for two classes.
    """
    return (1 - label_smoothing) * target + label_smoothing / 2 if label_smoothing else target
