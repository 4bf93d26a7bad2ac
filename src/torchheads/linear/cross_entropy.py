"""Linear classifier and softmax cross-entropy in one, in two passes over the classes.

n examples, d features, c classes, k classes of one chunk.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchheads.linear.base import ChunkedLinear
from torchheads.linear.functional import LabelsByClass, labels_by_class, spread
from torchheads.linear.partition import LOG2_E, Partition
from torchheads.linear.shard import Part, Shard, Whole
from torchheads.linear.stepping import walked_loss
from torchheads.linear.steps import WeightStep
from torchheads.targets import LabelLists


def linear_cross_entropy(
    features: Float[Tensor, "n d"],
    weight: Float[Tensor, "c d"],
    bias: Float[Tensor, "c"] | None,
    target: Int64[Tensor, "n"] | LabelLists,
    class_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
    known: Bool[Tensor, "n"] | None = None,
    chunk_classes: int | None = None,
    shard: Shard | None = None,
    step: WeightStep | None = None,
) -> Float[Tensor, ""]:
    """Softmax cross-entropy of z = W h + b, summed over examples, without the logits of all classes at once.

        loss = sum_n  m_n log sum_c exp(z_nc) - sum_nc t_nc z_nc,        m_n = sum_c t_nc
        t_nc = w_c ((1 - e) y_nc / |y_n| + e / C)                        0 for an example without labels

    with class weights w, smoothing e and labels y; the same loss as `torchheads.losses.functional.cross_entropy` of
    the dense logits, whose terms are sorted differently. Use it where (n, c) is large beside (c, d). The first pass
    over the classes finds the logarithm, the second the slopes m_n p_nc - t_nc and with them all gradients, which
    backward only scales. Sibling: `linear_binary_cross_entropy`.

    Args:
        features: floating point, shape (n, d).
        weight: shape (c, d).
        bias: shape (c,), or None. -inf rules a class out, where nothing is smoothed.
        target: class indices (n,) in 0..C-1, or label sets: the uniform distribution over each; an empty set costs
            nothing.
        class_weight: shape (c,), >= 0; multiplies, and does not enter any denominator.
        label_smoothing: in [0, 1).
        known: bool of shape (n,); rows that are not known are left out, whatever they hold.
        chunk_classes: how many classes to take at a time; by default as many as fit
            `torchheads.linear.functional.CHUNK_BYTES`.
        shard, step: as `linear_binary_cross_entropy` takes them.

    Returns:
        Nats, a scalar in float32 (float64 for float64 features): the sum over the known rows.

    Raises:
        TargetError: codes T01, T02, for a class index outside 0..C-1.
        LogitsError: code L04, for features of another dtype than the weight.
        HeadConfigError: code L09, in backward, where second derivatives are asked for.

    Example:
        >>> features, weight = torch.ones(2, 3, requires_grad=True), torch.zeros(4, 3)
        >>> linear_cross_entropy(features, weight, None, torch.tensor([2, 0]))  # 2 ln 4
        tensor(2.7726, grad_fn=<SummedLossBackward>)

    Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs"; the sum over
        chunks: Milakov and Gimelshein (2018), arXiv:1805.02867.
    """
    if known is not None:
        features, target = features[known], target[known]

    walk = CrossEntropyWalk(target, class_weight, label_smoothing, shard or Whole(weight.shape[0]))
    return walked_loss(features, weight, bias, chunk_classes, walk, step)


class Prices(NamedTuple):
    """What a row pays for each logit it is short of: the t of the loss, as its two parts.

    ``label`` (l,) at the labels, in the order of ``labels``; ``everywhere`` (c,), and None without smoothing, in rows
    ``present`` (n,) that have labels; ``mass`` (n,), the sum of a row.
    """

    labels: LabelsByClass
    label: Float[Tensor, "l"]
    everywhere: Float[Tensor, "c"] | None
    present: Float[Tensor, "n"]
    mass: Float[Tensor, "n"]

    def of_logits(self, classes: slice, logits: Float[Tensor, "n k"]) -> Float[Tensor, "n"]:
        """sum_c t_nc z_nc over the classes of one chunk, shape (n,)."""
        rows, columns = self.labels.entries(classes)
        paid = self.label[self.labels.within(classes)] * logits[rows, columns]
        total = torch.zeros_like(self.mass).index_add_(0, rows, paid)
        return total if self.everywhere is None else total + self.present * (logits @ self.everywhere[classes])

    def subtract_from(self, slopes: Float[Tensor, "n k"], classes: slice) -> None:
        """Take t_nc from the slopes (n, k) of one chunk."""
        rows, columns = self.labels.entries(classes)
        slopes[rows, columns] -= self.label[self.labels.within(classes)]
        if self.everywhere is not None:
            slopes.addr_(self.present, self.everywhere[classes], alpha=-1)


def prices_of(
    linear: ChunkedLinear,
    target: Int64[Tensor, "n"] | LabelLists,
    class_weight: Float[Tensor, "c"] | None,
    label_smoothing: float,
    part: Part,
) -> Prices:
    """The prices of a target, of which nothing has C columns and n rows."""
    labels = labels_by_class(part.own(target), linear.num_classes, linear.size)
    label = (1 - label_smoothing) * spread(target, labels.rows, linear.full)
    weights = label.new_ones(linear.num_classes) if class_weight is None else class_weight.to(linear.full)
    if class_weight is not None:
        label = label * weights[labels.labels]
    present = label.new_ones(linear.rows) if isinstance(target, Tensor) else (target.sizes > 0).to(linear.full)
    mass = label.new_zeros(linear.rows).index_add_(0, labels.rows, label)
    everywhere = None if label_smoothing == 0 else weights * (label_smoothing / part.num_classes)
    if everywhere is not None:
        mass = mass + present * everywhere.sum()
    part.add_up(mass)
    return Prices(labels, label, everywhere, present, mass)


class CrossEntropyWalk:
    """`torchheads.linear.base.Walk` of the cross-entropy: one pass finds the denominator, another one the slopes."""

    def __init__(
        self,
        target: Int64[Tensor, "n"] | LabelLists,
        class_weight: Float[Tensor, "c"] | None,
        label_smoothing: float,
        part: Part,
    ) -> None:
        self.target, self.class_weight, self.label_smoothing, self.part = target, class_weight, label_smoothing, part

    def loss(self, linear: ChunkedLinear) -> Float[Tensor, ""]:
        """The loss, a scalar, and the slopes after it where they are wanted."""
        prices = prices_of(linear, self.target, self.class_weight, self.label_smoothing, self.part)
        partition = Partition(linear.rows, like=prices.mass)
        paid = torch.zeros_like(prices.mass)
        for classes in linear.chunks:
            logits = linear.logits(classes)
            linear.keep(classes, logits)
            paid += prices.of_logits(classes, logits)
            partition.add(logits)
        self.part.meet(partition)
        self.part.add_up(paid)
        self.prices, self.partition = prices, partition
        if linear.wants_gradients:
            self.slopes(linear)
        return (prices.mass * partition.top - paid + prices.mass * partition.total.log()).sum()

    def slopes(self, linear: ChunkedLinear) -> None:
        """The second pass."""
        form_gradients(linear, self.prices, self.partition)
        self.part.add_up(*linear.of_all_classes)


def form_gradients(linear: ChunkedLinear, prices: Prices, partition: Partition) -> None:
    """The second pass: slopes m_n p_nc - t_nc, with m_n p_nc as one power of two."""
    share = (prices.mass.log2() - partition.total.log2()).unsqueeze(1)
    for classes in linear.chunks:
        slopes = linear.kept_logits(classes).sub_(partition.top.unsqueeze(1))
        torch.add(share, slopes, alpha=LOG2_E, out=slopes).exp2_()
        prices.subtract_from(slopes, classes)
        linear.take_slopes(classes, slopes)
