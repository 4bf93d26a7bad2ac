"""Training seeds alone: a mean over them, and whether two heads could have changed runs; the test samples stay.

s training seeds.
"""

import numpy as np

from torchheads.study.base import Interval, Numbers, check_level, check_resamples, enough, finite


def seed_mean(values: Numbers, level: float = 0.95) -> Interval:
    """Expected value of one head over training seeds, on these very test samples.

    The bars of a chart of runs; `crossed_mean` is for other test samples too, and is wider.

        mean +- t_{s-1} sd / sqrt(s)

    Args:
        values: one number a seed, shape (s,), at least 2.
        level: in (0, 1).

    Raises:
        DataError: code P01 to P03 for values that no interval can be made of.
        HeadConfigError: code P05 for a level outside (0, 1).

    Example:
        >>> found = seed_mean([0.90, 0.92])
        >>> round(found.estimate, 2), round(found.high, 3)  # 0.91 + 12.706 * 0.01
        (0.91, 1.037)

    Source: Student (1908), Biometrika 6, "The probable error of a mean".
    """
    from scipy.stats import t  # type: ignore[import-untyped]

    check_level(level)
    array = finite(values, "values").reshape(-1)
    enough(len(array), "training seeds")
    mean, half = float(array.mean()), float(t.ppf((1 + level) / 2, len(array) - 1) * array.std(ddof=1))
    half /= len(array) ** 0.5
    return Interval(mean, mean - half, mean + half, level)


def seed_permutation(first: Numbers, second: Numbers, resamples: int = 9999, seed: int = 0) -> float:
    """p-value of the hypothesis that the runs of both heads are runs of one head.

    For any metric. Which runs are whose is drawn anew: all ways where there are no more than ``resamples`` (252 for
    5 and 5 seeds), so the p-value is exact. Other test samples are not thought of: `paired_difference` is for them. If
    runs of one seed resemble each other across heads, it calls too few differences, never too many.

    Args:
        first: the metric of one head, one number a seed, shape (s,).
        second: of the other head; the number of seeds may differ.
        resamples: 99 or more.
        seed: of the ways drawn; the same seed gives the same figure.

    Returns:
        Two-sided; 4 and 4 seeds reach 0.029 at best, 3 and 3 seeds 0.1.

    Raises:
        DataError: code P02 or P03 for values that cannot be compared.
        HeadConfigError: code P05 for too few resamples.

    Example:
        >>> seed_permutation([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])  # 2 of 20 ways are as far apart
        0.1

    Source: Fisher (1935), "The design of experiments", section 21.
    """
    from scipy.stats import permutation_test

    check_resamples(resamples, 99)
    pair = [finite(values, name).reshape(-1) for values, name in ((first, "first"), (second, "second"))]
    for values, name in zip(pair, ("first", "second"), strict=True):
        enough(len(values), f"training seeds in {name}")

    def difference(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(one.mean(axis=axis) - other.mean(axis=axis))

    random = np.random.default_rng(seed)
    return float(permutation_test(pair, difference, vectorized=True, n_resamples=resamples, rng=random).pvalue)
