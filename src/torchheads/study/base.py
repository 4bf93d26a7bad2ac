"""What the statistics of a study are given and give back: values of runs, checked, and estimates with intervals.

s training seeds, n test samples, the same for both heads.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from torchheads.errors import DataError, HeadConfigError

Numbers = Any
"""What numpy can read as an array: a list, an array, a tensor on the CPU."""


class Interval(NamedTuple):
    """An estimate and the bounds that hold the truth with probability ``level``."""

    estimate: float
    low: float
    high: float
    level: float


class Difference(NamedTuple):
    """An `Interval` of a difference, with what it rests on.

    ``standard_error`` and ``degrees_of_freedom`` are those of the t distribution that the bounds come from;
    ``p_value`` is two-sided, of no difference: at most 1 - level exactly where the bounds leave 0 out.
    """

    estimate: float
    low: float
    high: float
    level: float
    standard_error: float
    degrees_of_freedom: float
    p_value: float

    @property
    def interval(self) -> Interval:
        """The estimate and its bounds alone."""
        return Interval(*self[:4])


def runs(values: Numbers, name: str = "values") -> Float64[np.ndarray, "s n"]:
    """Values of one head as float64, shape (s, n), once they are what an interval can be made of.

    Args:
        values: a row a training seed, a column a test sample, shape (s, n); numbers or bool.
        name: what an error calls them.

    Raises:
        DataError: code P01 for another shape, P02 for NaN or infinity, P03 for one seed or one sample.

    Example:
        >>> runs([[True, False], [True, True]])
        array([[1., 0.],
               [1., 1.]])
    """
    array = finite(values, name)
    if array.ndim != 2:
        problem = f"{name} of shape {array.shape}; allowed (seeds, samples), a row a training seed"
        raise DataError("P01", problem, "np.stack of one array of samples per run")
    enough(array.shape[0], f"training seeds in {name}")
    enough(array.shape[1], f"test samples in {name}")
    return array


def pair_of_runs(first: Numbers, second: Numbers) -> tuple[Float64[np.ndarray, "s n"], Float64[np.ndarray, "s n"]]:
    """Values of two heads of the same seeds and samples, each as `runs` gives it.

    Raises:
        DataError: code P01 where their shapes differ, and those of `runs`.

    Example:
        >>> [values.shape for values in pair_of_runs([[1, 0], [1, 1]], [[0, 0], [1, 0]])]
        [(2, 2), (2, 2)]
    """
    one, other = runs(first, "first"), runs(second, "second")
    if one.shape != other.shape:
        problem = f"first of shape {one.shape} and second of shape {other.shape}; allowed the same seeds and samples"
        raise DataError("P01", problem, "the runs of seeds that both heads have")
    return one, other


def finite(values: Numbers, name: str) -> Float64[np.ndarray, "..."]:
    """Values as float64.

    Raises:
        DataError: code P01 for what is no array of numbers, P02 for NaN or infinity.

    Example:
        >>> finite([1, 2], "values")
        array([1., 2.])
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("P01", f"{name} that are no array of numbers ({error})", "rows of one length") from error
    if not np.isfinite(array).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
        problem = f"{name} with {array[place]} at {place}; allowed finite numbers"
        raise DataError("P02", problem, "the samples whose value is defined in every run of both heads")
    return array


def enough(number: int, what: str) -> None:
    """Refuse what has no spread.

    Raises:
        DataError: code P03 for fewer than 2.

    Example:
        >>> enough(5, "training seeds")
    """
    if number < 2:
        raise DataError("P03", f"{number} {what}; allowed 2 or more, 5 or more are advised", "more of them")


def check_level(level: float) -> None:
    """Refuse a level that no interval has.

    Raises:
        HeadConfigError: code P05 outside (0, 1).

    Example:
        >>> check_level(0.95)
    """
    if not 0 < level < 1:
        raise HeadConfigError("P05", f"level={level}; allowed above 0 and below 1", "level=0.95")


def check_resamples(resamples: int, least: int) -> None:
    """Refuse too few random draws.

    Raises:
        HeadConfigError: code P05 below ``least``.

    Example:
        >>> check_resamples(9999, 99)
    """
    if resamples < least:
        raise HeadConfigError("P05", f"resamples={resamples}; allowed {least} or more", "resamples=9999")
