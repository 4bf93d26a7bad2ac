"""A search as a function of what was tried: the trials to run next, and of those that were run the best."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

from torchheads.errors import HeadConfigError

Options = Mapping[str, Any]
"""Options of a run by their keys: ``{"optimizer.lr": 0.003}``."""


@final
class Trial(NamedTuple):
    """What was tried, and what came of it.

    Attributes:
        options: of the run.
        value: the watched metric of validation, turned so that higher is better; None for a run that failed.
        nll: of validation, which decides between equal values.
    """

    options: Options
    value: float | None
    nll: float = 0.0


class Search(ABC):
    """What to try; a subclass is a rule, and everything it needs to know is what it is given.

    A search that is asked again with the same trials gives the same answer, in this process or another: so an
    interrupted search continues as if it had not been interrupted.

    Args:
        seed: of the runs that are tried; other than those of the runs that are compared.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @property
    @abstractmethod
    def size(self) -> int:
        """How many trials the search makes in all."""

    @abstractmethod
    def proposals(self, trials: Sequence[Trial]) -> list[Options]:
        """The options of the trials that can be run now, the first of them after those given.

        Args:
            trials: the first trials, in order, finished or failed.
        """


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The trial of the highest value; of equal ones that of the lowest nll, then the first; None if all failed.

    Example:
        >>> best_trial([Trial({"lr": 0.1}, None), Trial({"lr": 0.2}, 0.9, 0.5), Trial({"lr": 0.3}, 0.9, 0.4)]).options
        {'lr': 0.3}
    """
    finished = [trial for trial in trials if trial.value is not None]
    return max(finished, key=lambda trial: (trial.value, -trial.nll), default=None)


def check_ranges(options: object, allowed: str, remedy: str) -> Mapping[str, Sequence[Any]]:
    """Options by their keys, each with a list of values.

    Raises:
        HeadConfigError: code H41, for something else.

    Example:
        >>> check_ranges({"optimizer.lr": [0.1, 0.01]}, "values", "...")
        {'optimizer.lr': [0.1, 0.01]}
    """
    lists = isinstance(options, Mapping) and options and all(isinstance(v, list) and v for v in options.values())
    if not lists:
        raise HeadConfigError("H41", f"tuning.options={options}; allowed {allowed}", remedy)
    return options  # type: ignore[return-value]
