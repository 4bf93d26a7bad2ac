"""The metrics of extreme classification: how right the first few classes of each example are, rare ones weighing more.

n examples, c classes, k ranks, l labels in all. Classes come as indices (n, k), best first; targets as label lists.
"""

import math

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from torchheads.errors import HeadConfigError
from torchheads.targets import LabelLists


def hits(indices: Int64[Tensor, "n k"], target: LabelLists) -> Bool[Tensor, "n k"]:
    """Which of the classes named are labels of their example, shape (n, k); a negative index never is.

    Example:
        >>> hits(torch.tensor([[2, 1], [0, -1]]), LabelLists.from_lists([[2, 3], []], num_classes=4))
        tensor([[ True, False],
                [False, False]])
    """
    entries = target.example * target.num_classes + target.indices  # in rising order, as label lists are
    if not len(entries):
        return torch.zeros_like(indices, dtype=torch.bool)
    wanted = torch.arange(len(indices), device=indices.device).unsqueeze(1) * target.num_classes + indices
    place = torch.searchsorted(entries, wanted.contiguous()).clamp(max=len(entries) - 1)
    return (entries[place] == wanted) & (indices >= 0)


def precision_at(right: Bool[Tensor, "n k"], k: int) -> Float64[Tensor, "n"]:
    """Share of the first k classes that are right, shape (n,); no more than |y| / k for an example of |y| labels.

    Example:
        >>> precision_at(torch.tensor([[True, False]]), k=2)
        tensor([0.5000], dtype=torch.float64)
    """
    return right[:, :k].double().sum(dim=1) / k


def recall_at(right: Bool[Tensor, "n k"], sizes: Int64[Tensor, "n"], k: int) -> Float64[Tensor, "n"]:
    """Share of the labels that are among the first k classes, shape (n,); NaN for an example without labels.

    Example:
        >>> recall_at(torch.tensor([[True, False]]), torch.tensor([4]), k=2)
        tensor([0.2500], dtype=torch.float64)
    """
    return right[:, :k].double().sum(dim=1) / sizes


def ndcg_at(right: Bool[Tensor, "n k"], sizes: Int64[Tensor, "n"], k: int) -> Float64[Tensor, "n"]:
    """Gain of the right classes, less the later they come, as a share of the best there is, shape (n,).

        DCG@k = sum_{r <= k} y_r / log2(r + 1),    nDCG@k = DCG@k / sum_{r <= min(k, |y|)} 1 / log2(r + 1)

    with y_r = 1 where the class at rank r is right. NaN for an example without labels.

    Example:
        >>> ndcg_at(torch.tensor([[False, True]]), torch.tensor([1]), k=2)  # 1 / log2 3
        tensor([0.6309], dtype=torch.float64)

    Source: Jarvelin and Kekalainen (2002), "Cumulated gain-based evaluation of IR techniques".
    """
    return (right[:, :k] * discounts(k, right.device)).sum(dim=1) / best_gain(sizes, k)


def discounts(k: int, device: torch.device | None = None) -> Float64[Tensor, "k"]:
    """1 / log2(r + 1) of the ranks r = 1..k, shape (k,).

    Example:
        >>> discounts(3)
        tensor([1.0000, 0.6309, 0.5000], dtype=torch.float64)
    """
    return torch.arange(2, k + 2, dtype=torch.float64, device=device).log2().reciprocal()


def best_gain(sizes: Int64[Tensor, "n"], k: int) -> Float64[Tensor, "n"]:
    """The discounted gain of examples of so many labels, all of them at the first ranks, shape (n,); NaN for none.

    Example:
        >>> best_gain(torch.tensor([0, 1, 9]), k=2)
        tensor([   nan, 1.0000, 1.6309], dtype=torch.float64)
    """
    gains = discounts(k, sizes.device).cumsum(0)
    return gains[(sizes.clamp(1, k) - 1)].masked_fill(sizes == 0, math.nan)


# Rare classes ---------------------------------------------------------------------------------------------------------


def inverse_propensity(
    counts: Int64[Tensor, "c"], examples: int, a: float = 0.55, b: float = 1.5
) -> Float64[Tensor, "c"]:
    """How much a right answer counts for each class, more for rare ones, shape (c,): 1 / p_c >= 1.

        1 / p_c = 1 + (ln N - 1) (b + 1)^a (N_c + b)^-a

    p_c models how likely a label that is right was written down at all: data of many classes miss most of the rare
    ones, which plain metrics then count as wrong.

    Args:
        counts: training examples with each class N_c, shape (c,).
        examples: number of training examples N, at least 3.
        a: how fast the propensity falls; 0.5 and 0.6 are usual for data of Wikipedia and of shops.
        b: shift of the counts, above 0; 0.4 and 2.6 for the same two.

    Raises:
        HeadConfigError: code H39, for fewer than 3 examples, or a and b out of range.

    Example:
        >>> inverse_propensity(torch.tensor([0, 1000]), examples=1000)  # (ln 1000 - 1) (2.5 / 1.5)^0.55 + 1
        tensor([8.8242, 1.2187], dtype=torch.float64)

    Source: Jain, Prabhu and Varma (2016), "Extreme multi-label loss functions for recommendation, tagging, ranking and
        other missing label applications", section 4.
    """
    if not (examples >= 3 and 0 <= a < math.inf and 0 < b < math.inf):  # below 3 the logarithm would punish rarity
        problem = f"propensities with examples={examples}, a={a}, b={b}; allowed examples >= 3, a >= 0, b > 0"
        raise HeadConfigError("H39", problem, "a=0.55, b=1.5, the number of training examples")
    scale: float = (math.log(examples) - 1) * (b + 1) ** a
    return 1 + scale * (counts.double() + b).pow(-a)


def weighted_hits(
    right: Bool[Tensor, "n k"], indices: Int64[Tensor, "n k"], weight: Float[Tensor, "c"]
) -> Float64[Tensor, "n k"]:
    """The weight of each class that is right, 0 elsewhere, shape (n, k).

    Example:
        >>> weighted_hits(torch.tensor([[True, False]]), torch.tensor([[1, 0]]), torch.tensor([1.0, 5.0]))
        tensor([[5., 0.]], dtype=torch.float64)
    """
    return right * weight.double()[indices.clamp(min=0)]


def best_weighted_hits(target: LabelLists, weight: Float[Tensor, "c"], k: int) -> Float64[Tensor, "n k"]:
    """The k largest weights of each example's labels, largest first, 0 where it has fewer labels, shape (n, k).

    Example:
        >>> target = LabelLists.from_lists([[0, 1, 2], [0]], num_classes=3)
        >>> best_weighted_hits(target, torch.tensor([1.0, 5.0, 3.0]), k=2)
        tensor([[5., 3.],
                [1., 0.]], dtype=torch.float64)
    """
    weights = weight.double()[target.indices]
    order = weights.argsort(descending=True)
    order = order[target.example[order].argsort(stable=True)]  # by example, and by weight within each
    rank = torch.arange(len(order), device=order.device) - target.offsets[:-1][target.example]
    chosen = rank < k
    best = weights.new_zeros(len(target), k)
    return best.index_put((target.example[chosen], rank[chosen]), weights[order[chosen]])
