"""Weights by the effective number of examples, which grows more slowly than their number.

c classes.
"""

from jaxtyping import Float
from torch import Tensor

from torchheads.losses.base import check_number
from torchheads.losses.functional_frequency import class_balanced, effective_negatives_per_positive
from torchheads.losses.weighting import Weighting


class ClassBalanced(Weighting):
    """1 / E_n with E_n = (1 - beta^n) / (1 - beta): the inverse frequency of rare classes, flat for frequent ones.

    Under a softmax the weights have mean 1 over the classes. Under a sigmoid each question is a problem of two classes,
    its answers, and a positive weighs E_(N-n) / E_n; the paper has single-label data alone, and weighs whole rows.
    Its sibling `InverseFrequency` is the limit of beta towards 1. A class without training examples gets the weight 1.

    Args:
        beta: in [0, 1); 0 for no weights. Examples beyond about 1 / (1 - beta) no longer count.

    Raises:
        HeadConfigError: code H38.

    Example:
        >>> import torch
        >>> ClassBalanced(beta=0.5).class_weight(torch.tensor([2.0, 1.0]))  # 1 / 1.5 and 1, with mean 1
        tensor([0.8000, 1.2000])

    Source: Cui et al. (2019), arXiv:1901.05555; see `torchheads.losses.functional_frequency.effective_number`.
    """

    def __init__(self, beta: float = 0.999) -> None:
        self.beta = check_number("ClassBalanced", "beta", beta, 0, 1, 0.999)

    def class_weight(self, counts: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """Mean 1 over the classes that occur, shape (c,)."""
        return class_balanced(counts, self.beta)

    def pos_weight(self, counts: Float[Tensor, "c"], total: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """Effective negatives for each effective positive, shape (c,)."""
        return effective_negatives_per_positive(counts, total, self.beta)
