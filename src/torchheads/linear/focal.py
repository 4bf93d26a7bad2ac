"""Linear classifier and the two losses in which entries that are nearly right count little, in one pass over classes.

n examples, d features, c classes, k classes of one chunk, l labels in all.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchheads.linear.entries import CostAndSlope, chosen, linear_entries
from torchheads.linear.shard import Shard
from torchheads.linear.steps import WeightStep
from torchheads.losses.functional import softplus
from torchheads.losses.functional_focal import shifted_log
from torchheads.targets import LabelLists


def linear_binary_focal(
    features: Float[Tensor, "n d"],
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, "c"] | None,
    target: Int64[Tensor, "n"] | LabelLists,
    gamma: float = 2.0,
    alpha: Float[Tensor, "c"] | None = None,
    class_weight: Float[Tensor, "c"] | None = None,
    pos_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
    known: Bool[Tensor, "n"] | None = None,
    chunk_classes: int | None = None,
    shard: Shard | None = None,
    step: WeightStep | None = None,
) -> Float[Tensor, ""]:
    """Focal loss of each entry of z = W h + b, summed, without the logits of all classes at once.

    The same loss as `torchheads.losses.functional_focal.binary_focal` of the dense logits, whose arguments these are;
    the others are those of `linear_entries`. Sibling: `linear_asymmetric`.

    Returns:
        Nats, a scalar: the sum over classes and known rows.

    Raises:
        TargetError, LogitsError, HeadConfigError: as in `linear_entries`.

    Example:
        >>> target = LabelLists.from_lists([[0]], num_classes=2)
        >>> linear_binary_focal(torch.ones(1, 3), torch.zeros(2, 3), None, target)  # 2 (1/2)^2 ln 2
        tensor(0.3466)

    Source: Lin et al. (2017), arXiv:1708.02002, equation 5.
    """
    answers = FocalAnswers(gamma, alpha, class_weight, pos_weight, label_smoothing)
    return linear_entries(features, weight, bias, target, answers, known, "sum", chunk_classes, shard, step)


def linear_asymmetric(
    features: Float[Tensor, "n d"],
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, "c"] | None,
    target: Int64[Tensor, "n"] | LabelLists,
    gamma_neg: float = 4.0,
    gamma_pos: float = 1.0,
    clip: float = 0.05,
    class_weight: Float[Tensor, "c"] | None = None,
    known: Bool[Tensor, "n"] | None = None,
    chunk_classes: int | None = None,
    shard: Shard | None = None,
    step: WeightStep | None = None,
) -> Float[Tensor, ""]:
    """Asymmetric loss of each entry of z = W h + b, summed, without the logits of all classes at once.

    The same loss as `torchheads.losses.functional_focal.asymmetric` of the dense logits, whose arguments these are; NaN
    for infinite logits, as from `torchheads.losses.Asymmetric`. Sibling: `linear_binary_focal`.

    Returns:
        Nats, a scalar: the sum over classes and known rows.

    Raises:
        TargetError, LogitsError, HeadConfigError: as in `linear_entries`.

    Example:
        >>> target = LabelLists.from_lists([[0]], num_classes=2)
        >>> linear_asymmetric(torch.ones(1, 3), torch.zeros(2, 3), None, target)  # 0.5 ln 2 + 0.45^4 ln(1 / 0.55)
        tensor(0.3711)

    Source: Ridnik et al. (2021), arXiv:2009.14119, section 2.
    """
    answers = AsymmetricAnswers(gamma_neg, gamma_pos, clip, class_weight)
    return linear_entries(features, weight, bias, target, answers, known, "sum", chunk_classes, shard, step)


class FocalAnswers(NamedTuple):
    """`torchheads.linear.entries.Answers` of the focal loss."""

    gamma: float
    alpha: Float[Tensor, "c"] | None
    class_weight: Float[Tensor, "c"] | None
    pos_weight: Float[Tensor, "c"] | None
    label_smoothing: float

    def no(self, logits: Float[Tensor, "n k"], classes: slice) -> CostAndSlope:
        """Cost and slope (n, k) where no class of a chunk is right."""
        return self._of(logits, classes, self.label_smoothing / 2)

    def yes(self, logits: Float[Tensor, "l"], labels: Int64[Tensor, "l"]) -> CostAndSlope:
        """Cost and slope (l,) of logits (l,) whose classes (l,) are right."""
        return self._of(logits, labels, 1 - self.label_smoothing / 2)

    def _of(self, logits: Float[Tensor, "..."], classes: slice | Tensor, share: float) -> CostAndSlope:
        """Both of entries whose target is ``share``."""
        right, wrong = share * chosen(self.pos_weight, classes, logits), logits.new_tensor(1 - share)
        if self.alpha is not None:
            alpha = chosen(self.alpha, classes, logits)
            right, wrong = alpha * right, (1 - alpha) * wrong
        weight = chosen(self.class_weight, classes, logits)
        if share == 0:
            return scaled(weight * wrong, mirrored(focused_slope(-logits, self.gamma)))
        cost, slope = scaled(weight * right, focused_slope(logits, self.gamma))
        if share == 1:
            return cost, slope
        more, its_slope = scaled(weight * wrong, mirrored(focused_slope(-logits, self.gamma)))
        return cost + more, slope + its_slope


class AsymmetricAnswers(NamedTuple):
    """`torchheads.linear.entries.Answers` of the asymmetric loss."""

    gamma_neg: float
    gamma_pos: float
    clip: float
    class_weight: Float[Tensor, "c"] | None

    def no(self, logits: Float[Tensor, "n k"], classes: slice) -> CostAndSlope:
        """Cost and slope (n, k) where no class of a chunk is right.

        With q = max(p - m, 0): q^g (-log(1 - q)), whose slope is p (1 - p) q^g [g (-log(1 - q)) / q + 1 / (1 - q)].
        """
        p, not_p = logits.sigmoid(), (-logits).sigmoid()
        q = (p - self.clip).clamp_(min=0)
        costs = q > torch.finfo(q.dtype).tiny
        q = q.where(costs, 1.0)
        paid = -shifted_log(logits, self.clip)
        power = q.pow(self.gamma_neg)
        share = p * not_p * (self.gamma_neg * paid / q) + p * (not_p / (not_p + self.clip) if self.clip else 1.0)
        return self._weighed((power * paid).where(costs, 0), (power * share).where(costs, 0), logits, classes)

    def yes(self, logits: Float[Tensor, "l"], labels: Int64[Tensor, "l"]) -> CostAndSlope:
        """Cost and slope (l,) of logits (l,) whose classes (l,) are right: the focal loss's."""
        return self._weighed(*focused_slope(logits, self.gamma_pos), logits, labels)

    def _weighed(self, cost: Tensor, slope: Tensor, logits: Tensor, classes: slice | Tensor) -> CostAndSlope:
        """Both times the weight of the class; NaN where the logit is infinite, which the clip would hide."""
        return scaled(chosen(self.class_weight, classes, logits), (cost + (logits - logits), slope))


def focused_slope(logits: Float[Tensor, "..."], gamma: float) -> CostAndSlope:
    """`torchheads.losses.functional_focal.focused` and its slope, any shape.

        f = (1 - p)^g (-log p),    f' = -(1 - p)^g [g p (-log p) + 1 - p]

    Both terms of the slope have one sign, so that nothing cancels.

    Example:
        >>> focused_slope(torch.tensor([0.0]), 1.0)  # ln 2 / 2 and -(ln 2 / 2 + 1/2) / 2
        (tensor([0.3466]), tensor([-0.4233]))
    """
    hardness, paid = torch.exp(-gamma * softplus(logits)), softplus(-logits)
    return hardness * paid, -hardness * (gamma * logits.sigmoid() * paid + (-logits).sigmoid())


def scaled(factor: Tensor | float, both: CostAndSlope) -> CostAndSlope:
    """Cost and slope times a factor, any shapes that broadcast."""
    cost, slope = both
    return factor * cost, factor * slope


def mirrored(both: CostAndSlope) -> CostAndSlope:
    """Cost and slope of -z as those of z."""
    cost, slope = both
    return cost, -slope
