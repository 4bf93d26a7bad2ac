"""The constant logits that minimise focal and asymmetric losses under a prior: roots found by bisection in float64.

c classes.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from torchheads.losses.functional import softplus

FARTHEST = 100.0
"""Logits are looked for between minus this and this."""
HALVINGS = 50
"""How often the interval of a root is halved: to 2e-13."""


def falling_root(function: Callable[[Tensor], Tensor], low: Float[Tensor, "..."], high: Float[Tensor, "..."]) -> Tensor:
    """Where functions that fall from above 0 to below cross it, one an entry, any shape.

    Example:
        >>> falling_root(lambda x: 2 - x, torch.tensor([0.0]), torch.tensor([8.0]))
        tensor([2.])
    """
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = function(middle) > 0
        low, high = middle.where(above, low), high.where(above, middle)
    return (low + high) / 2


def log_steepness(logits: Float[Tensor, "..."], gamma: float) -> Float[Tensor, "..."]:
    """ln of how fast (1 - p)^gamma (-ln p) falls as p rises, at p = sigmoid(z); any shape, falling in z.

        - d/dp (1 - p)^gamma (-ln p) = (1 - p)^(gamma - 1) [ (1 - p) / p - gamma ln p ]

    Example:
        >>> log_steepness(torch.tensor([0.0]), 0.0).exp()  # 1 / p
        tensor([2.])
    """
    return (1 - gamma) * softplus(logits) + (torch.exp(-logits) + gamma * softplus(-logits)).log()


def binary_focal_constants(
    positive: Float[Tensor, "c"], negative: Float[Tensor, "c"], gamma: float
) -> Float[Tensor, "c"]:
    """The logits that minimise positive (1 - p)^gamma (-ln p) + negative p^gamma (-ln(1 - p)), shape (c,).

    Args:
        positive: expected weight of the positive answers, > 0, shape (c,).
        negative: expected weight of the negative answers, > 0, shape (c,).
        gamma: >= 0.

    Example:
        >>> binary_focal_constants(torch.tensor([0.2, 0.4]), torch.tensor([0.8, 0.8]), 0.0)  # ln 1/4, ln 1/2
        tensor([-1.3863, -0.6931])

    Source: Charoenphakdee et al. (2021), arXiv:2011.09172, section 4: the minimiser is unique.
    """
    odds, far = (positive.double() / negative.double()).log(), torch.full_like(positive, FARTHEST, dtype=torch.float64)
    logits = falling_root(lambda z: odds + log_steepness(z, gamma) - log_steepness(-z, gamma), -far, far)
    return logits.to(positive.dtype)


def focal_constants(mass: Float[Tensor, "c"], gamma: float) -> Float[Tensor, "c"]:
    """The logits that minimise sum_c mass_c (1 - p_c)^gamma (-ln p_c) of p = softmax(z), shape (c,): ln p.

    At the minimum mass_c times steepness is the same for all classes; of such values one makes the p add up to 1.

    Args:
        mass: expected weight of each class, > 0, shape (c,).
        gamma: >= 0.

    Example:
        >>> focal_constants(torch.tensor([0.2, 0.8]), 0.0).exp()
        tensor([0.2000, 0.8000])

    Source: Charoenphakdee et al. (2021), arXiv:2011.09172, section 4: the minimiser is unique.
    """
    if bool((mass == mass[0]).all()):  # as for a uniform prior: nothing to look for
        return torch.zeros_like(mass).log_softmax(dim=0)
    levels, most = mass.double().log(), torch.tensor(FARTHEST * (1 + gamma), dtype=torch.float64, device=mass.device)
    most = most + levels.abs().max()
    logits_of = table_of_steepness(gamma, levels)
    common = falling_root(lambda value: logits_of(value - levels).sigmoid().sum() - 1, -most, most)
    return (-softplus(-logits_of(common - levels))).log_softmax(dim=0).to(mass.dtype)


def table_of_steepness(gamma: float, like: Tensor) -> Callable[[Tensor], Tensor]:
    """The inverse of `log_steepness` by a table: logits, good to six digits, of values of any shape.

    Args:
        gamma: >= 0.
        like: a tensor of the dtype and device wanted.

    Example:
        >>> like = torch.zeros((), dtype=torch.float64)
        >>> table_of_steepness(2.0, like)(log_steepness(like + 3, 2.0))
        tensor(3.0000, dtype=torch.float64)
    """
    logits = torch.linspace(FARTHEST, -FARTHEST, 2**17, dtype=like.dtype, device=like.device)
    rising = log_steepness(logits, gamma)

    def of(values: Tensor) -> Tensor:
        upper = torch.searchsorted(rising, values).clamp(1, len(rising) - 1)
        below, above = rising[upper - 1], rising[upper]
        share = ((values - below) / (above - below).clamp(min=1e-300)).clamp(0, 1)
        return logits[upper - 1].lerp(logits[upper], share)

    return of


def asymmetric_constants(
    prior: Float[Tensor, "c"], gamma_neg: float, gamma_pos: float, clip: float
) -> Float[Tensor, "c"]:
    """The logits that minimise p* (1 - p)^g+ (-ln p) + (1 - p*) q^g- (-ln(1 - q)), q = max(p - clip, 0), shape (c,).

    With g+ = 0 and a clip, the negatives' loss has an end, and no finite logit is best for a class that is nearly
    always right; that of the prior stands for it.

    Args:
        prior: p*, in (0, 1), shape (c,).
        gamma_neg: g- >= 0.
        gamma_pos: g+ >= 0.
        clip: in [0, 1).

    Example:
        >>> asymmetric_constants(torch.tensor([0.2]), 0.0, 0.0, 0.0)  # ln 1/4
        tensor([-1.3863])
    """
    odds = prior.double().logit()

    def slope(z: Tensor) -> Tensor:
        shifted = z.sigmoid() - clip
        mirrored = ((-z).sigmoid() + clip).log() - shifted.clamp(min=1e-300).log()
        falls = odds + log_steepness(z, gamma_pos) - log_steepness(mirrored, gamma_neg)
        return falls.where(shifted > 0, torch.inf)  # where the negatives are free

    far = torch.full_like(odds, FARTHEST)
    return falling_root(slope, -far, far).where(slope(far / 2) < 0, odds).to(prior.dtype)
