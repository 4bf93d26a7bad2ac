"""A search by Optuna is a function of its trials: interrupted or not, it proposes the same."""

import math
import sys
from typing import Any

import pytest

from torchheads.errors import HeadConfigError
from torchheads.tuning import OptunaSearch, Trial

RANGES = {"optimizer.lr": [1e-4, 1e-1], "optimizer.weight_decay": [1e-3, 1.0]}


def value(options: Any) -> float:
    """A landscape with its top at lr = 0.08, where few would look by chance."""
    return -abs(math.log10(float(options["optimizer.lr"]) / 0.08))


def searched(search: OptunaSearch, trials: list[Trial] | None = None) -> list[Trial]:
    trials = list(trials or [])
    while proposed := search.proposals(trials):
        (options,) = proposed
        trials.append(Trial(options, value(options)))
    return trials


def test_trials_stay_within_their_ranges_and_get_nearer_to_the_top() -> None:
    trials = searched(OptunaSearch(RANGES, trials=25))
    assert len(trials) == 25
    for trial in trials:
        assert all(low <= trial.options[key] <= high for key, (low, high) in RANGES.items())
    late, early = ([trial.value or 0 for trial in part] for part in (trials[15:], trials[:5]))
    assert sum(late) / 10 > sum(early) / 5 + 0.3
    assert max(late) > -0.1


def test_an_interrupted_search_continues_as_if_it_had_not_been() -> None:
    search = OptunaSearch(RANGES, trials=9)
    whole = searched(search)
    for cut in (1, 5, 8):
        assert searched(OptunaSearch(RANGES, trials=9), whole[:cut]) == whole


def test_every_trial_has_a_seed_of_its_own_and_so_has_every_study() -> None:
    first = searched(OptunaSearch(RANGES, trials=4))
    assert len({trial.options["optimizer.lr"] for trial in first}) == 4
    assert searched(OptunaSearch(RANGES, trials=4, seed=1)) != first


def test_a_failed_trial_is_counted_and_not_learned_from() -> None:
    search = OptunaSearch(RANGES, trials=8)
    trials = [Trial(trial.options, None) for trial in searched(search)[:7]]
    assert len(search.proposals(trials)) == 1
    assert search.proposals([*trials, trials[0]]) == []


@pytest.mark.parametrize("ends", [[0.1], [0.1, 0.01], [0, 0.1], [0.1, 0.1], [0.1, 0.2, 0.3]])
def test_ranges_that_are_none(ends: list[float]) -> None:
    with pytest.raises(HeadConfigError, match=r"TH-H41: .*0 < lowest < highest"):
        OptunaSearch({"optimizer.lr": ends})


@pytest.mark.parametrize("trials", [0, -1, 2.5, True, "3"])
def test_trials_that_are_none(trials: Any) -> None:
    with pytest.raises(HeadConfigError, match=r"TH-H41: tuning.trials=.*Try: tuning.trials=12"):
        OptunaSearch(RANGES, trials=trials)


def test_without_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(HeadConfigError, match=r"TH-P06: tuning=optuna .*Try: pip install 'torchheads\[study\]'"):
        OptunaSearch(RANGES).proposals([])
