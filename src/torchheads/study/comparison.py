"""All that a study says of two heads on one data set under one metric of samples."""

from typing import NamedTuple

import numpy as np

from torchheads.study.base import Difference, Interval, Numbers, pair_of_runs
from torchheads.study.functional.crossed import crossed_mean, paired_difference
from torchheads.study.functional.over_samples import bootstrap_interval, effect_size, mcnemar, sign_flips
from torchheads.study.functional.over_seeds import seed_mean, seed_permutation


class Comparison(NamedTuple):
    """Two heads, compared.

    About the heads (other seeds and samples): ``first``, ``second`` and ``difference``, which the verdict reads.
    About seeds alone: ``first_over_seeds``, ``second_over_seeds`` and ``seed_permutation``.
    About the models at hand: ``bootstrap``, ``sign_flips``, ``effect_size`` and ``mcnemar``, a p-value a seed, which is
    empty where values are not all 0 or 1.
    """

    first: Interval
    second: Interval
    difference: Difference
    first_over_seeds: Interval
    second_over_seeds: Interval
    seed_permutation: float
    bootstrap: Interval
    sign_flips: float
    effect_size: float
    mcnemar: tuple[float, ...]


def compare(first: Numbers, second: Numbers, level: float = 0.95, resamples: int = 9999, seed: int = 0) -> Comparison:
    """Compare two heads by a value at each sample; `metric_difference` is for metrics of the whole test set.

    Args:
        first: values of one head, shape (s, n): a row a training seed, a column a test sample.
        second: values of the other head, shape (s, n).
        level: of every interval, in (0, 1).
        resamples: of the bootstrap and the permutations, 99 or more.
        seed: of what they draw; the same seed gives the same figures.

    Raises:
        DataError: code P01 to P03 for values that cannot be compared.
        HeadConfigError: code P05 for options out of range, P06 where statsmodels is needed and cannot be imported.

    Example:
        >>> random = np.random.default_rng(0)
        >>> found = compare(random.random((5, 200)) < 0.9, random.random((5, 200)) < 0.6, resamples=99)
        >>> found.difference.low > 0.2
        True
    """
    one, other = pair_of_runs(first, second)
    binary = bool(np.isin(one, (0, 1)).all() and np.isin(other, (0, 1)).all())
    means = one.mean(axis=1), other.mean(axis=1)
    return Comparison(
        first=crossed_mean(one, level),
        second=crossed_mean(other, level),
        difference=paired_difference(one, other, level),
        first_over_seeds=seed_mean(means[0], level),
        second_over_seeds=seed_mean(means[1], level),
        seed_permutation=seed_permutation(*means, resamples, seed),
        bootstrap=bootstrap_interval(one, other, level, resamples, seed),
        sign_flips=sign_flips(one, other, resamples, seed),
        effect_size=effect_size(one, other),
        mcnemar=tuple(float(value) for value in mcnemar(one, other)) if binary else (),
    )
