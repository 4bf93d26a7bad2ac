"""The main interval: what would come out with other training seeds and other test samples, both at once.

s training seeds, n test samples, b resamples; `docs/statistics.md` has the error rates, by simulation.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from torchheads.errors import DataError
from torchheads.study.base import (
    Difference,
    Interval,
    Numbers,
    check_level,
    check_resamples,
    enough,
    pair_of_runs,
    runs,
)

Metric = Callable[[np.ndarray, np.ndarray], float]
"""A metric of rows of scores and rows of target."""


def paired_difference(first: Numbers, second: Numbers, level: float = 0.95) -> Difference:
    """Expected difference ``first - second`` of a mean over samples, over training seeds and test samples.

    For what has a value at each sample (correct or not, loss, F1 of a row); `metric_difference` is for metrics of the
    whole test set. Both heads have the same samples, and run s of one is compared with run s of the other. With
    D = first - second,

        D_ij = mu + a_i + b_j + e_ij    (seed i, sample j)

    where the a_i, b_j and e_ij of other seeds and samples would be others; see `crossed` for the interval of mu.

    Args:
        first: values of one head, shape (s, n): a row a training seed, a column a test sample.
        second: values of the other head, shape (s, n).
        level: in (0, 1).

    Raises:
        DataError: code P01 to P03 for values that cannot be compared.
        HeadConfigError: code P05 for a level outside (0, 1).

    Example:
        >>> found = paired_difference([[1, 1, 1, 0], [1, 1, 1, 1]], [[1, 0, 1, 0], [1, 0, 1, 1]])
        >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3)
        (0.25, -0.546, 1.046)

    Source: crossed random effects, Owen (2007), arXiv:0712.1111; Satterthwaite (1946), Biometrics Bulletin 2.
    """
    one, other = pair_of_runs(first, second)
    return of_samples(one - other, level)


def crossed_mean(values: Numbers, level: float = 0.95) -> Interval:
    """Expected mean of one head, over training seeds and test samples.

    `seed_mean` is for other seeds on these very samples.

    Args:
        values: shape (s, n), a row a training seed, a column a test sample.
        level: in (0, 1).

    Raises:
        DataError: code P01 to P03 for values that no interval can be made of.
        HeadConfigError: code P05 for a level outside (0, 1).

    Example:
        >>> crossed_mean([[1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0]]).estimate
        0.75
    """
    return of_samples(runs(values), level).interval


def metric_difference(
    metric: Metric,
    first: np.ndarray,
    second: np.ndarray,
    target: np.ndarray,
    level: float = 0.95,
    resamples: int = 400,
    seed: int = 0,
) -> Difference:
    """As `paired_difference`, for a metric that is no mean over samples (mean average precision, macro-F1).

    What other test samples would do is learned from rows drawn with replacement, the same for all runs of both heads.
    Costs 2 s (resamples + 1) calls of the metric.

    Args:
        metric: of rows of scores and of target, such as a function of scikit-learn with its arguments turned round.
        first: scores (or predictions) of one head, shape (s, n, ...).
        second: of the other head, shape (s, n, ...).
        target: shape (n, ...), of the same rows.
        level: in (0, 1).
        resamples: 50 or more.
        seed: of the rows drawn; the same seed gives the same figures.

    Raises:
        DataError: code P01 for shapes that do not fit, P03 for too few, P07 where the metric is undefined.
        HeadConfigError: code P05 for options out of range.

    Example:
        >>> hits = lambda scores, target: float(((scores > 0) == target).mean())
        >>> target = np.array([True, False, True, False])
        >>> better, worse = np.array([[1, -1, 1, -1], [1, -1, 1, 1]]), np.array([[1, 1, 1, -1], [1, 1, 1, 1]])
        >>> metric_difference(hits, better, worse, target).estimate
        0.25
    """
    check_resamples(resamples, 50)
    one, other, target = fitting_rows(first, second, target)
    random = np.random.default_rng(seed)
    rows = np.arange(len(target))
    values = differences(metric, one, other, target, rows)
    if not np.isfinite(values).all():
        raise DataError("P07", "a metric that is no finite number on the test set", "a metric defined on it")
    drawn = (random.choice(rows, len(rows)) for _ in range(resamples))
    found = np.array([differences(metric, one, other, target, again) for again in drawn]).T
    found = found[:, np.isfinite(found).all(axis=0)]
    if found.shape[1] < 0.9 * resamples:
        problem = f"a metric undefined on {resamples - found.shape[1]} of {resamples} resamples; allowed a tenth"
        raise DataError("P07", problem, "a metric over the classes that are not rare")
    return crossed(values, np.cov(found), found.shape[1], level)


def crossed(
    values: Float64[np.ndarray, "s"], covariance: Float64[np.ndarray, "s s"], rows: int, level: float
) -> Difference:
    """Interval of a mean over seeds whose values come from the same samples: a t interval of three components.

        V = v + max(c, 0),    v = Var(values)/s,    c = mean of the covariances of two different seeds
        df = (v' + c)^2 / ( v'^2/(s-1) + w^2/(rows-1) + e^2/((s-1)(rows-1)) ),   at least s - 1

    c is what the samples share (a hard sample is hard for every seed), e = (mean variance - c)/s what they do not,
    w = c + e, and v' = max(v, e): an estimate of v that is small by chance would claim degrees of freedom that are not
    there.

    Args:
        values: of each seed, shape (s,).
        covariance: what drawing other samples does to the values, shape (s, s).
        rows: number of samples, or resamples, the covariance was estimated from.
        level: in (0, 1).

    Raises:
        HeadConfigError: code P05 for a level outside (0, 1).

    Example:
        >>> found = crossed(np.array([1.0, 3.0]), np.zeros((2, 2)), 100, 0.95)  # samples do nothing: t with 1 degree
        >>> found.standard_error, found.degrees_of_freedom, round(found.high - found.estimate, 2)
        (1.0, 1.0, 12.71)

    Source: Satterthwaite (1946), Biometrics Bulletin 2, "An approximate distribution of estimates of variance
        components"; floor of the seeds' part: `docs/decisions/interval_of_a_comparison.md`.
    """
    from scipy.stats import t  # type: ignore[import-untyped]

    check_level(level)
    seeds, estimate = len(values), float(values.mean())
    seed_part, whole = values.var(ddof=1) / seeds, covariance.mean()
    own = np.trace(covariance) / seeds
    shared = max((seeds * whole - own) / (seeds - 1), 0.0)
    noise = max(own - shared, 0.0) / seeds
    error = float(np.sqrt(seed_part + shared))
    floored = max(seed_part, noise)
    spread = floored**2 / (seeds - 1) + whole**2 / (rows - 1) + noise**2 / ((seeds - 1) * (rows - 1))
    freedom = max(float((floored + shared) ** 2 / spread), seeds - 1.0) if spread > 0 else seeds - 1.0
    if error == 0:
        return Difference(estimate, estimate, estimate, level, 0.0, freedom, float(estimate == 0))
    half = float(t.ppf((1 + level) / 2, freedom)) * error
    p_value = float(2 * t.sf(abs(estimate) / error, freedom))
    return Difference(estimate, estimate - half, estimate + half, level, error, freedom, p_value)


def of_samples(values: Float64[np.ndarray, "s n"], level: float) -> Difference:
    """`crossed` of means over samples, for which the covariance needs no resampling.

    Example:
        >>> of_samples(np.array([[1.0, 2.0], [1.0, 2.0]]), 0.95).standard_error  # seeds agree: sqrt(0.5 / 2)
        0.5
    """
    samples = values.shape[1]
    return crossed(values.mean(axis=1), np.cov(values) / samples, samples, level)


def differences(
    metric: Metric, first: np.ndarray, second: np.ndarray, target: np.ndarray, rows: np.ndarray
) -> Float64[np.ndarray, "s"]:
    """Difference of a metric of these rows in each pair of runs, shape (s,).

    Example:
        >>> one, other = np.ones((2, 3)), np.zeros((2, 3))
        >>> differences(lambda scores, target: float(scores.sum()), one, other, np.zeros(3), np.array([0, 1]))
        array([2., 2.])
    """
    known = target[rows]
    pairs = zip(first, second, strict=True)
    return np.array([metric(one[rows], known) - metric(other[rows], known) for one, other in pairs], dtype=np.float64)


def fitting_rows(first: Numbers, second: Numbers, target: Numbers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of two heads and their target as arrays.

    Raises:
        DataError: code P01 where they are not of the same runs and rows, P03 for too few.

    Example:
        >>> [part.shape for part in fitting_rows([[1, 2, 3]] * 2, [[1, 2, 3]] * 2, [0, 1, 1])]
        [(2, 3), (2, 3), (3,)]
    """
    one, other, known = np.asarray(first), np.asarray(second), np.asarray(target)
    if one.ndim < 2 or one.shape[:2] != other.shape[:2] or known.shape[:1] != one.shape[1:2]:
        problem = f"first of shape {one.shape}, second {other.shape}, target {known.shape}"
        problem += "; allowed (seeds, samples, ...) twice and (samples, ...)"
        raise DataError("P01", problem, "the runs of seeds that both heads have, rows in one order")
    enough(one.shape[0], "training seeds")
    enough(one.shape[1], "test samples")
    return one, other, known
