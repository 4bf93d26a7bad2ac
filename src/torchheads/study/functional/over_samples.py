"""Test samples alone: whether these very trained models differ on other samples; other seeds are not thought of.

s training seeds, n test samples. Where training seeds matter, these tests call far more than 5 % of equal heads
different (`docs/statistics.md`): they are about the models at hand, and `paired_difference` is about the heads.
"""

import math

import numpy as np
from jaxtyping import Float64

from torchheads.errors import DataError, HeadConfigError
from torchheads.study.base import Interval, Numbers, check_level, check_resamples, pair_of_runs

CELLS = 2**22
"""Numbers held at a time while resampling, 32 MiB of them."""

ROUNDING = 1e-12
"""What is no spread between samples, as a share of the largest value."""


def bootstrap_interval(
    first: Numbers, second: Numbers, level: float = 0.95, resamples: int = 9999, seed: int = 0
) -> Interval:
    """Difference of these trained models, averaged over seeds, on other test samples: bootstrap of paired samples, BCa.

    `paired_difference` is for other training seeds too.

    Args:
        first: values of one head, shape (s, n): a row a training seed, a column a test sample.
        second: values of the other head, shape (s, n).
        level: in (0, 1).
        resamples: 99 or more.
        seed: of the samples drawn; the same seed gives the same figures.

    Raises:
        DataError: code P01 to P03 for values that cannot be compared.
        HeadConfigError: code P05 for options out of range.

    Example:
        >>> found = bootstrap_interval([[1, 1, 0, 1]] * 2, [[0, 1, 0, 0]] * 2)
        >>> found.estimate, found.low, found.high
        (0.5, 0.0, 1.0)

    Source: Efron (1987), JASA 82, "Better bootstrap confidence intervals".
    """
    from scipy.stats import bootstrap  # type: ignore[import-untyped]

    check_level(level)
    check_resamples(resamples, 99)
    difference = seed_average(first, second)
    estimate = float(difference.mean())
    if np.ptp(difference) == 0:  # nothing to resample
        return Interval(estimate, estimate, estimate, level)
    random, batch = np.random.default_rng(seed), max(CELLS // len(difference), 1)
    options = {"confidence_level": level, "n_resamples": resamples, "method": "BCa", "rng": random, "batch": batch}
    found = bootstrap((difference,), np.mean, **options).confidence_interval
    return Interval(estimate, float(found.low), float(found.high), level)


def sign_flips(first: Numbers, second: Numbers, resamples: int = 9999, seed: int = 0) -> float:
    """p-value of the hypothesis that these trained models, averaged over seeds, are alike at each sample.

    At each sample it is drawn anew which head is which, which flips the sign of the difference.

    Args:
        first: values of one head, shape (s, n): a row a training seed, a column a test sample.
        second: values of the other head, shape (s, n).
        resamples: 99 or more.
        seed: of the signs drawn; the same seed gives the same figure.

    Returns:
        Two-sided; 1 where the heads are alike at every sample.

    Raises:
        DataError: code P01 to P03 for values that cannot be compared.
        HeadConfigError: code P05 for too few resamples.

    Example:
        >>> sign_flips([[1, 1, 1, 0]] * 2, [[0, 0, 0, 0]] * 2)  # three differences: 2 of 8 signs are as far from 0
        0.25

    Source: Fisher (1935), "The design of experiments", section 21.
    """
    from scipy.stats import permutation_test

    check_resamples(resamples, 99)
    difference = seed_average(first, second)
    difference = difference[difference != 0]  # 0 has no sign to flip
    if not len(difference):
        return 1.0
    batch = max(CELLS // (2 * len(difference)), 1)
    options = {"n_resamples": resamples, "batch": batch, "rng": np.random.default_rng(seed)}
    found = permutation_test((difference,), np.mean, permutation_type="samples", vectorized=True, **options)
    return float(found.pvalue)


def mcnemar(first: Numbers, second: Numbers) -> Float64[np.ndarray, "s"]:
    """For each pair of runs, p-value of the hypothesis that both trained models have the same accuracy, shape (s,).

    For values of 0 and 1; `sign_flips` is for any, and for all seeds at once. Where the models disagree, each of them
    is right half of the time under the hypothesis: an exact binomial test.

    Args:
        first: whether one head is right, shape (s, n): a row a training seed, a column a test sample.
        second: whether the other head is, shape (s, n).

    Raises:
        DataError: code P04 for values other than 0 and 1, P01 to P03 for values that cannot be compared.
        HeadConfigError: code P06 where statsmodels cannot be imported.

    Example:
        >>> mcnemar([[1, 1, 1, 1, 0]] * 2, [[0, 0, 0, 1, 0]] * 2)  # 3 against 0: 2 (1/2)^3
        array([0.25, 0.25])

    Source: McNemar (1947), Psychometrika 12.
    """
    one, other = pair_of_runs(first, second)
    for values, name in ((one, "first"), (other, "second")):
        strange = values[(values != 0) & (values != 1)]
        if len(strange):
            raise DataError("P04", f"{name} with the value {strange[0]:g}; allowed 0 and 1", "sign_flips")
    try:
        from statsmodels.stats.contingency_tables import mcnemar as test  # type: ignore[import-untyped]
    except ImportError as error:
        problem = f"McNemar's test is that of statsmodels, which cannot be imported ({error})"
        raise HeadConfigError("P06", problem, "pip install 'torchheads[study]'") from error
    tables = [
        [[(a * b).sum(), (a * (1 - b)).sum()], [((1 - a) * b).sum(), ((1 - a) * (1 - b)).sum()]]
        for a, b in zip(one, other, strict=True)
    ]
    return np.array([float(test(np.array(table), exact=True).pvalue) for table in tables])


def effect_size(first: Numbers, second: Numbers) -> float:
    """Paired Cohen's d_z: the difference, averaged over seeds, in standard deviations between samples.

        d_z = mean_j D_j / sd_j D_j,    D_j = mean over seeds of first - second at sample j

    It says how consistent the difference is from sample to sample, which more samples do not change; whether it is
    shown at all is for `paired_difference`.

    Args:
        first: values of one head, shape (s, n): a row a training seed, a column a test sample.
        second: values of the other head, shape (s, n).

    Returns:
        NaN where the difference is the same at every sample.

    Raises:
        DataError: code P01 to P03 for values that cannot be compared.

    Example:
        >>> round(effect_size([[1, 1, 0, 1]] * 2, [[0, 1, 0, 0]] * 2), 4)  # 0.5 / sqrt(1/3)
        0.866

    Source: Cohen (1988), "Statistical power analysis for the behavioral sciences", section 2.3.5.
    """
    difference = seed_average(first, second)
    return float(difference.mean() / difference.std(ddof=1)) if np.ptp(difference) > 0 else math.nan


def seed_average(first: Numbers, second: Numbers) -> Float64[np.ndarray, "n"]:
    """``first - second`` at each sample, averaged over seeds, shape (n,); equal numbers where rounding alone differs.

    Example:
        >>> seed_average([[1, 0], [1, 1]], [[0, 0], [1, 0]])
        array([0.5, 0.5])
    """
    one, other = pair_of_runs(first, second)
    average: np.ndarray = (one - other).mean(axis=0)
    alike = np.ptp(average) <= ROUNDING * max(np.abs(one).max(), np.abs(other).max())
    return np.full_like(average, average.mean()) if alike else average
