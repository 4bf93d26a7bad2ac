"""The verdict on a difference, in words."""

import math

from torchheads.study.base import Difference


def verdict(
    difference: Difference,
    first: str,
    second: str,
    higher_is_better: bool = True,
    adjusted: float | None = None,
) -> str:
    """Which head is better, by how much and between what bounds; or that no difference was shown.

    A difference that was not shown is not shown to be none: the bounds say how large it may be. They read as
    ``first - second`` then, and as what the better head is ahead by otherwise.

    Args:
        difference: ``first - second``, from `paired_difference` or `metric_difference`.
        first: name of one head.
        second: name of the other head.
        higher_is_better: false for losses and errors.
        adjusted: p-value from `holm`, in a family of comparisons; the bounds stay those of this one alone.

    Example:
        >>> verdict(Difference(0.021, 0.010, 0.032, 0.95, 0.005, 20.0, 0.0005), "sigmoid", "softmax")
        'sigmoid is better by 0.021 (0.010 to 0.032)'
        >>> verdict(Difference(-0.004, -0.012, 0.005, 0.95, 0.004, 20.0, 0.35), "sigmoid", "softmax")
        'no difference shown (-0.004, -0.012 to 0.005)'
    """
    alpha = 1 - difference.level
    estimate, low, high = difference.estimate, difference.low, difference.high
    decimals = decimals_for(high - low)
    if difference.p_value > alpha:
        return f"no difference shown ({bounds(estimate, low, high, decimals, ', ')})"
    if adjusted is not None and adjusted > alpha:
        told = bounds(estimate, low, high, decimals, ", ")
        return f"no difference shown among so many comparisons ({told})"
    better = first if (estimate > 0) == higher_is_better else second
    if estimate < 0:
        estimate, low, high = -estimate, -high, -low
    return f"{better} is better by {bounds(estimate, low, high, decimals, ' (')})"


def bounds(estimate: float, low: float, high: float, decimals: int, between: str) -> str:
    """An estimate and its bounds as text; a rounded 0 has no sign.

    Example:
        >>> bounds(-0.0001, -0.01, 0.01, 3, ", ")
        '0.000, -0.010 to 0.010'
    """
    told = [f"{value:z.{decimals}f}" for value in (estimate, low, high)]
    return f"{told[0]}{between}{told[1]} to {told[2]}"


def decimals_for(width: float) -> int:
    """How many decimals show an interval of this width with two digits; three at least, nine at most.

    Example:
        >>> decimals_for(0.02), decimals_for(0.0004)
        (3, 5)
    """
    return min(max(3, 1 - math.floor(math.log10(width))), 9) if width > 0 else 3
