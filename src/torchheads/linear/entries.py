"""Linear classifier and any loss that takes each entry alone, in one pass over the classes.

n examples, d features, c classes, k classes of one chunk, l labels in all.
"""

from typing import Literal, NamedTuple, Protocol

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchheads.linear.base import ChunkedLinear
from torchheads.linear.functional import labels_by_class
from torchheads.linear.shard import Part, Shard, Whole
from torchheads.linear.stepping import walked_loss
from torchheads.linear.steps import WeightStep
from torchheads.targets import LabelLists

CostAndSlope = tuple[Float[Tensor, "..."], Float[Tensor, "..."]]


class Answers(Protocol):
    """A loss of entries, as the cost of each answer and its slope d cost / d z; in nats."""

    def no(self, logits: Float[Tensor, "n k"], classes: slice) -> CostAndSlope:
        """Cost and slope (n, k) where no class of a chunk is right; the logits (n, k) may be overwritten."""

    def yes(self, logits: Float[Tensor, "l"], labels: Int64[Tensor, "l"]) -> CostAndSlope:
        """Cost and slope (l,) of logits (l,) whose classes ``labels`` (l,) are right."""


def linear_entries(
    features: Float[Tensor, "n d"],
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, "c"] | None,
    target: Int64[Tensor, "n"] | LabelLists,
    answers: Answers,
    known: Bool[Tensor, "n"] | None = None,
    class_reduction: Literal["sum", "mean"] = "sum",
    chunk_classes: int | None = None,
    shard: Shard | None = None,
    step: WeightStep | None = None,
) -> Float[Tensor, ""]:
    """A loss of the entries of z = W h + b, summed over examples, without the logits of all classes at once.

        loss = sum_nc  yes(z_nc) where c is a label of n, no(z_nc) elsewhere

    Every entry stands alone, so one pass over the classes gives the loss and all gradients, which backward only scales.
    Nearly every answer is no: a chunk is answered with no throughout, and its few labels are then written over. The
    losses of this room are `linear_binary_cross_entropy`, `linear_binary_focal`, `linear_asymmetric`; another one is
    another pair of `Answers`.

    Args:
        features: floating point, shape (n, d).
        weight: shape (c, d).
        bias: shape (c,), or None.
        target: label sets, or class indices (n,) in 0..C-1, each of which is set against the rest.
        answers: the loss.
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
    """
    if known is not None:
        features, target = features[known], target[known]

    walk = EntriesWalk(target, answers, shard or Whole(weight.shape[0]))
    total = walked_loss(features, weight, bias, chunk_classes, walk, step)
    return total if class_reduction == "sum" else total / walk.part.num_classes


class EntriesWalk(NamedTuple):
    """`torchheads.linear.base.Walk` of a loss of entries: one pass is all there is."""

    target: Int64[Tensor, "n"] | LabelLists
    answers: Answers
    part: Part

    def loss(self, linear: ChunkedLinear) -> Float[Tensor, ""]:
        """The loss, a scalar, and the slopes on the way where they are wanted."""
        total = entries_of_chunks(linear, self.part.own(self.target), self.answers)
        self.part.add_up(total, *linear.of_all_classes)
        return total

    def slopes(self, linear: ChunkedLinear) -> None:
        """As `loss`, whose number is not needed again."""
        entries_of_chunks(linear, self.part.own(self.target), self.answers)
        self.part.add_up(*linear.of_all_classes)


def entries_of_chunks(
    linear: ChunkedLinear, target: Int64[Tensor, "n"] | LabelLists, answers: Answers
) -> Float[Tensor, ""]:
    """The loss, a scalar, and the gradients on the way where any are wanted."""
    labels = labels_by_class(target, linear.num_classes, linear.size)
    costs = linear.features.new_zeros(len(linear.chunks), dtype=linear.full)
    for number, classes in enumerate(linear.chunks):
        logits = linear.logits(classes)
        places = labels.entries(classes)
        right = logits[places]
        cost, slope = answers.no(logits, classes)
        cost[places], slope[places] = answers.yes(right, labels.labels[labels.within(classes)])
        costs[number] = cost.sum()  # one place for all: small tensors that stay would leave holes between large ones
        if linear.wants_gradients:
            linear.take_slopes(classes, slope)
    return costs.sum()  # in pairs: thousands of chunks one after the other would lose digits


def chosen(weight: Float[Tensor, "c"] | None, classes: slice | Tensor, like: Tensor) -> Float[Tensor, "..."]:
    """The weights of some classes in the dtype given; 1 where there are none.

    Example:
        >>> import torch
        >>> chosen(torch.tensor([1.0, 2.0, 3.0]), slice(1, 3), like=torch.zeros(2))
        tensor([2., 3.])
    """
    return like.new_ones(()) if weight is None else weight[classes].to(like.dtype)
