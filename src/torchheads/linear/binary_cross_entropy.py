"""Linear classifier and sigmoid cross-entropy in one, in one pass over the classes.

n examples, d features, c classes, k classes of one chunk, l labels in all.
"""

from typing import Literal, NamedTuple

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchheads.linear.entries import chosen, linear_entries
from torchheads.linear.shard import Shard
from torchheads.linear.steps import WeightStep
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
    shard: Shard | None = None,
    step: WeightStep | None = None,
) -> Float[Tensor, ""]:
    """Sigmoid cross-entropy of z = W h + b, summed over examples, without the logits of all classes at once.

        loss = sum_nc  w_c [ v_c t_nc softplus(-z_nc) + (1 - t_nc) softplus(z_nc) ],     t_nc = (1 - e) y_nc + e / 2

    with class weights w, positive weights v, smoothing e and labels y; the same loss as
    `torchheads.losses.functional.binary_cross_entropy` of the dense logits; see `linear_entries` for how. Sibling:
    `linear_cross_entropy`.

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
        shard: which of all classes the weights are, where other processes hold the others; None for all of them.
        step: lets the weight take its training step in the backward pass, see `torchheads.linear.stepping`; None for a
            gradient of it.

    Returns:
        Nats, a scalar in float32 (float64 for float64 features): the sum over the known rows.

    Raises:
        TargetError: codes T01, T02, for a class index outside 0..C-1.
        LogitsError: code L04, for features of another dtype than the weight.
        HeadConfigError: code L09, in backward, where second derivatives are asked for.

    Example:
        >>> import torch
        >>> features, weight = torch.ones(2, 3, requires_grad=True), torch.zeros(4, 3)
        >>> target = LabelLists.from_lists([[0, 2], []], num_classes=4)
        >>> linear_binary_cross_entropy(features, weight, None, target)  # 8 ln 2
        tensor(5.5452, grad_fn=<SummedLossBackward>)

    Source: Good (1952), "Rational decisions" (logarithmic score).
    """
    answers = CrossEntropyAnswers(class_weight, pos_weight, label_smoothing)
    return linear_entries(features, weight, bias, target, answers, known, class_reduction, chunk_classes, shard, step)


class CrossEntropyAnswers(NamedTuple):
    """`torchheads.linear.entries.Answers` of the cross-entropy."""

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
            yes = self.label_smoothing / 2 * chosen(self.pos_weight, classes, logits)
            both = 1 - self.label_smoothing / 2 + yes
            cost.mul_(both).sub_(logits * yes)
            slope = logits.sigmoid_().mul_(both).sub_(yes)
        if self.class_weight is not None:
            weight = chosen(self.class_weight, classes, logits)
            cost, slope = cost.mul_(weight), slope.mul_(weight)
        return cost, slope

    def yes(
        self, logits: Float[Tensor, "l"], labels: Int64[Tensor, "l"]
    ) -> tuple[Float[Tensor, "l"], Float[Tensor, "l"]]:
        """Cost and slope (l,) of logits (l,) whose classes ``labels`` (l,) are right: t = 1 - e / 2."""
        no = self.label_smoothing / 2
        yes = (1 - no) * chosen(self.pos_weight, labels, logits)
        weight = chosen(self.class_weight, labels, logits)
        cost = yes * softplus(-logits) + no * softplus(logits)
        return weight * cost, weight * (no * logits.sigmoid() - yes * (-logits).sigmoid())
