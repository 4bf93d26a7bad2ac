"""Linear classifier and sigmoid cross-entropy in one, in one pass over the classes.

n examples, d features, c classes, k classes of one chunk, l labels in all.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchheads.linear.base import ChunkedLinear, summed_loss
from torchheads.linear.functional import labels_by_class
from torchheads.losses.functional import softplus
from torchheads.targets import LabelLists


def linear_binary_cross_entropy(
    features: Float[Tensor, "n d"],
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, "c"] | None,
    target: Int64[Tensor, "n"] | LabelLists,
    class_weight: Float[Tensor, "c"] | None = None,
    pos_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
    known: Bool[Tensor, "n"] | None = None,
    class_reduction: Literal["sum", "mean"] = "sum",
    chunk_classes: int | None = None,
) -> Float[Tensor, ""]:
    """Sigmoid cross-entropy of z = W h + b, summed over examples, without the logits of all classes at once.

        loss = sum_nc  w_c [ v_c t_nc softplus(-z_nc) + (1 - t_nc) softplus(z_nc) ],     t_nc = (1 - e) y_nc + e / 2

    with class weights w, positive weights v, smoothing e and labels y; the same loss as
    `torchheads.losses.functional.binary_cross_entropy` of the dense logits. Every entry stands alone, so one pass over
    the classes gives the loss and all gradients, which backward only scales. Nearly every answer is no: a chunk is
    answered with no throughout, and its few labels are then written over. Sibling: `linear_cross_entropy`.

    Args:
        features: floating point, shape (n, d).
        weight: shape (c, d).
        bias: shape (c,), or None.
        target: label sets, or class indices (n,) in 0..C-1, each of which is set against the rest.
        class_weight: shape (c,), >= 0.
        pos_weight: shape (c,), > 0; multiplies the positive part.
        label_smoothing: in [0, 1); moves each answer towards one half.
        known: bool of shape (n,); rows that are not known are left out, whatever they hold.
        class_reduction: "sum" over classes, or "mean".
        chunk_classes: how many classes to take at a time; by default as many as fit
            `torchheads.linear.functional.CHUNK_BYTES`.

    Returns:
        Nats, a scalar in float32 (float64 for float64 features): the sum over the known rows.

    Raises:
        TargetError: codes T01, T02, for a class index outside 0..C-1.
        LogitsError: code L04, for features of another dtype than the weight.
        HeadConfigError: code L09, in backward, where second derivatives are asked for.

    Example:
        >>> features, weight = torch.ones(2, 3, requires_grad=True), torch.zeros(4, 3)
        >>> target = LabelLists.from_lists([[0, 2], []], num_classes=4)
        >>> linear_binary_cross_entropy(features, weight, None, target)  # 8 ln 2
        tensor(5.5452, grad_fn=<SummedLossBackward>)

    Source: Good (1952), "Rational decisions" (logarithmic score).
    """
    if known is not None:
        features, target = features[known], target[known]
    answers = Answers(class_weight, pos_weight, label_smoothing)

    def walk(linear: ChunkedLinear) -> Tensor:
        return entries_of_chunks(linear, target, answers)

    total = summed_loss(features, weight, bias, chunk_classes, walk)
    return total if class_reduction == "sum" else total / weight.shape[0]


class Answers(NamedTuple):
    """Cost and slope of an entry by its answer; another loss that takes each entry alone is another pair of methods."""

    class_weight: Float[Tensor, "c"] | None
    pos_weight: Float[Tensor, "c"] | None
    label_smoothing: float

    def no(self, logits: Float[Tensor, "n k"], classes: slice) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        """Cost and slope (n, k) where no class of a chunk is right; the slope overwrites the logits (n, k).

        t = e / 2, and softplus(-z) = softplus(z) - z, which cancels nothing since 1 - t is at least one half.
        """
        cost = softplus(logits)
        if not self.label_smoothing:
            slope = logits.sigmoid_()
        else:
            yes = self.label_smoothing / 2 * _chosen(self.pos_weight, classes, logits)
            both = 1 - self.label_smoothing / 2 + yes
            cost.mul_(both).sub_(logits * yes)
            slope = logits.sigmoid_().mul_(both).sub_(yes)
        if self.class_weight is not None:
            weight = _chosen(self.class_weight, classes, logits)
            cost, slope = cost.mul_(weight), slope.mul_(weight)
        return cost, slope

    def yes(
        self, logits: Float[Tensor, "l"], labels: Int64[Tensor, "l"]
    ) -> tuple[Float[Tensor, "l"], Float[Tensor, "l"]]:
        """Cost and slope (l,) of logits (l,) whose classes ``labels`` (l,) are right: t = 1 - e / 2."""
        no = self.label_smoothing / 2
        yes = (1 - no) * _chosen(self.pos_weight, labels, logits)
        weight = _chosen(self.class_weight, labels, logits)
        cost = yes * softplus(-logits) + no * softplus(logits)
        return weight * cost, weight * (no * logits.sigmoid() - yes * (-logits).sigmoid())


def _chosen(weight: Float[Tensor, "c"] | None, classes: slice | Tensor, like: Tensor) -> Float[Tensor, "..."]:
    """The weights of some classes in the dtype given; 1 where there are none."""
    return like.new_ones(()) if weight is None else weight[classes].to(like.dtype)


def entries_of_chunks(
    linear: ChunkedLinear, target: Int64[Tensor, "n"] | LabelLists, answers: Answers
) -> Float[Tensor, ""]:
    """The loss, a scalar, and the gradients on the way where any are wanted."""
    labels = labels_by_class(target, linear.num_classes, linear.size)
    costs = []
    for classes in linear.chunks:
        logits = linear.logits(classes)
        places = labels.entries(classes)
        right = logits[places]
        cost, slope = answers.no(logits, classes)
        cost[places], slope[places] = answers.yes(right, labels.labels[labels.within(classes)])
        costs.append(cost.sum())
        if linear.wants_gradients:
            linear.take_slopes(classes, slope)
    return torch.stack(costs).sum()  # in pairs: thousands of chunks one after the other would lose digits
