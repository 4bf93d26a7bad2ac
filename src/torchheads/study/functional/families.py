"""Many comparisons at once: p-values that allow for how many there are."""

from torchheads.errors import DataError, HeadConfigError
from torchheads.study.base import Numbers, finite


def holm(p_values: Numbers) -> list[float]:
    """Holm's adjusted p-values of a family of comparisons, in the order given.

    If those of at most 0.05 are called different, any difference called where there is none happens with probability
    0.05 at most, however the comparisons depend on each other. A family is what one question asks together: each data
    set of a study under one metric.

        adjusted_(i) = max over j <= i of min( (m - j + 1) p_(j), 1 ),    p_(1) <= ... <= p_(m)

    Args:
        p_values: one number a comparison, in [0, 1], at least one.

    Raises:
        DataError: code P01 where there is none, P02 for a number outside [0, 1].
        HeadConfigError: code P06 where statsmodels cannot be imported.

    Example:
        >>> holm([0.04, 0.01, 0.03])
        [0.06, 0.03, 0.06]

    Source: Holm (1979), Scandinavian Journal of Statistics 6.
    """
    array = finite(p_values, "p_values").reshape(-1)
    if not len(array):
        raise DataError("P01", "no p-values; allowed one or more", "the p_value of each comparison")
    strange = array[(array < 0) | (array > 1)]
    if len(strange):
        raise DataError("P02", f"a p-value of {strange[0]:g}; allowed 0 to 1", "the p_value of each comparison")
    try:
        from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]
    except ImportError as error:
        problem = f"Holm's correction is that of statsmodels, which cannot be imported ({error})"
        raise HeadConfigError("P06", problem, "pip install 'torchheads[study]'") from error
    return [float(value) for value in multipletests(array, method="holm")[1]]
