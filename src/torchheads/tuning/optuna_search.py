"""Optuna's tree-structured Parzen estimator, one trial after the other."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from torchheads.errors import HeadConfigError
from torchheads.tuning.base import Options, Search, Trial, check_ranges


@final
class OptunaSearch(Search):
    """Let Optuna propose the next trial from all before it, each option on a logarithmic scale.

    For several options at once, or more trials than a grid has; `Grid` is for a handful of values of one option, which
    can be run side by side.

    Optuna's study is built anew from the trials before each proposal, with a sampler seeded by (seed, number of the
    trial). What a proposal depends on is thus on the disk, in the folders of the runs, and an interrupted search goes
    on as it would have gone.

    Args:
        options: the lowest and the highest value of each option, by its key; both above 0.
        trials: how many.
        seed: of the runs that are tried, and of the proposals.

    Raises:
        HeadConfigError: code H41, for options that are no ranges, or no trials; P06 where optuna cannot be imported.

    Source: Bergstra et al. (2011), NeurIPS, "Algorithms for hyper-parameter optimization".
    """

    def __init__(self, options: Mapping[str, Sequence[Any]], trials: int = 12, seed: int = 1000) -> None:
        super().__init__(seed)
        allowed, remedy = (
            "[lowest, highest] an option, 0 < lowest < highest",
            "tuning.options='{optimizer.lr:[1e-4,0.1]}'",
        )
        self.options = check_ranges(options, allowed, remedy)
        if not all(len(ends) == 2 and 0 < ends[0] < ends[1] for ends in self.options.values()):
            raise HeadConfigError("H41", f"tuning.options={options}; allowed {allowed}", remedy)
        if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
            raise HeadConfigError("H41", f"tuning.trials={trials}; allowed whole numbers from 1", "tuning.trials=12")
        self.trials = trials

    @property
    def size(self) -> int:
        """The number of trials."""
        return self.trials

    def proposals(self, trials: Sequence[Trial]) -> list[Options]:
        """The next trial, or none when all were made."""
        if len(trials) >= self.trials:
            return []
        optuna = import_optuna()
        study = optuna.create_study(direction="maximize", sampler=self._sampler(len(trials)))
        scales = {key: optuna.distributions.FloatDistribution(*ends, log=True) for key, ends in self.options.items()}
        for trial in trials:
            state = optuna.trial.TrialState.FAIL if trial.value is None else optuna.trial.TrialState.COMPLETE
            told = {"params": dict(trial.options), "distributions": scales, "value": trial.value, "state": state}
            study.add_trial(optuna.trial.create_trial(**told))
        return [study.ask(scales).params]

    def _sampler(self, number: int) -> Any:
        """The sampler of a trial: the first five are drawn at random, as they would be in one sitting."""
        optuna = import_optuna()
        seed = np.random.SeedSequence([self.seed, number]).generate_state(1)
        return optuna.samplers.TPESampler(seed=int(seed[0]), n_startup_trials=min(5, self.trials))


def import_optuna() -> Any:
    """The package, its log of every trial switched off.

    Raises:
        HeadConfigError: code P06, where it cannot be imported.
    """
    try:
        import optuna
    except ImportError as error:
        problem = f"tuning=optuna is a search of Optuna, which cannot be imported ({error})"
        raise HeadConfigError("P06", problem, "pip install 'torchheads[study]', or tuning=grid") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
