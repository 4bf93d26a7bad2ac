"""What it costs to answer: the error of the surest answers, for every share of rows that may be answered.

n examples, k distinct confidences.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor


class RiskCoverage(NamedTuple):
    """A risk-coverage curve, one point a distinct confidence, highest first, each of shape (k,).

    ``cut``: the confidence; ``coverage``: share of the rows that reach it; ``risk``: their mean error.
    """

    cut: Float64[Tensor, "k"]
    coverage: Float64[Tensor, "k"]
    risk: Float64[Tensor, "k"]


def risk_coverage_curve(confidence: Float[Tensor, "n"], errors: Float[Tensor, "n"]) -> RiskCoverage:
    """How many rows are answered and how wrong these answers are, for each cut of the confidence.

    Rows of equal confidence are answered together or not at all, so the order of the rows does not matter.

    Args:
        confidence: of each answer, shape (n,), on any scale.
        errors: of each answer, 0 or 1, or a share in between, shape (n,).

    Example:
        >>> curve = risk_coverage_curve(torch.tensor([0.9, 0.7, 0.7]), torch.tensor([0.0, 1.0, 0.0]))
        >>> curve.coverage.tolist(), curve.risk.tolist()
        ([0.3333333333333333, 1.0], [0.0, 0.3333333333333333])

    Source: El-Yaniv and Wiener (2010), "On the foundations of noise-free selective classification", section 2.
    """
    ranked, order = confidence.double().sort(descending=True)
    ends = torch.ones_like(ranked, dtype=torch.bool)
    ends[:-1] = ranked[:-1] != ranked[1:]
    answered = ends.nonzero().flatten().double() + 1
    summed = errors.double()[order].cumsum(0)[ends]
    return RiskCoverage(ranked[ends], answered / max(len(ranked), 1), summed / answered)


def aurc(confidence: Float[Tensor, "n"], errors: Float[Tensor, "n"]) -> Float64[Tensor, ""]:
    """Area under the risk-coverage curve, a scalar; lower is better, and NaN without rows.

        AURC = 1/n sum_i  mean error of the rows with confidence >= confidence_i

    A confidence that says nothing gives the mean error of all rows; even the best one gives more than 0 where some
    answers are wrong.

    Args:
        confidence: of each answer, shape (n,), on any scale.
        errors: of each answer, in [0, 1], shape (n,).

    Example:
        >>> aurc(torch.tensor([0.9, 0.7, 0.7]), torch.tensor([0.0, 1.0, 0.0]))  # (0 + 1/3 + 1/3) / 3
        tensor(0.2222, dtype=torch.float64)

    Source: Geifman, Uziel and El-Yaniv (2019), "Bias-reduced uncertainty estimation for deep neural classifiers",
        arXiv:1805.08206, section 3.
    """
    curve = risk_coverage_curve(confidence, errors)
    if not len(curve.risk):
        return curve.risk.new_tensor(float("nan"))
    return (curve.risk * curve.coverage.diff(prepend=curve.coverage.new_zeros(1))).sum()
