"""Every combination of a few values."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, final

from torchheads.tuning.base import Options, Search, Trial, check_ranges


@final
class Grid(Search):
    """Try every combination of the values given, all of them at once.

    For one option and a handful of values; `OptunaSearch` is for several options, or to look closer.

    Args:
        options: the values of each option, by its key.
        seed: of the runs that are tried.

    Raises:
        HeadConfigError: code H41, for options that are no lists of values.

    Example:
        >>> Grid({"optimizer.lr": [0.1, 0.01]}).proposals([])
        [{'optimizer.lr': 0.1}, {'optimizer.lr': 0.01}]
    """

    def __init__(self, options: Mapping[str, Sequence[Any]], seed: int = 1000) -> None:
        super().__init__(seed)
        remedy = "tuning.options='{optimizer.lr:[0.001,0.003,0.01]}'"
        self.options = check_ranges(options, "one list of values an option", remedy)

    @property
    def size(self) -> int:
        """The product of the numbers of values."""
        return len(self.proposals([]))

    def proposals(self, trials: Sequence[Trial]) -> list[Options]:
        """The combinations after those that were tried, the last option changing fastest."""
        names = list(self.options)
        combinations = [dict(zip(names, values, strict=True)) for values in product(*self.options.values())]
        return list(combinations[len(trials) :])
