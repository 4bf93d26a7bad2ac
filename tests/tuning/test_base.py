"""The best of what was tried, and what a search refuses."""

from typing import Any

import pytest

from torchheads.errors import HeadConfigError
from torchheads.tuning import Grid, OptunaSearch, Trial
from torchheads.tuning.base import best_trial


def test_the_highest_value_wins_and_a_failed_trial_never() -> None:
    trials = [Trial({"lr": 1}, 0.5), Trial({"lr": 2}, 0.7), Trial({"lr": 3}, None), Trial({"lr": 4}, 0.6)]
    assert best_trial(trials) == trials[1]
    assert best_trial([Trial({"lr": 3}, None)]) is None
    assert best_trial([]) is None


def test_of_equal_values_the_lower_nll_wins_then_the_first() -> None:
    trials = [Trial({"lr": 1}, 0.5, 0.3), Trial({"lr": 2}, 0.5, 0.2), Trial({"lr": 3}, 0.5, 0.2)]
    assert best_trial(trials) == trials[1]


@pytest.mark.parametrize("options", [{}, None, {"optimizer.lr": 0.1}, {"optimizer.lr": []}, ["optimizer.lr"]])
@pytest.mark.parametrize("search", [Grid, OptunaSearch])
def test_options_that_are_no_lists(options: Any, search: Any) -> None:
    with pytest.raises(HeadConfigError, match=r"TH-H41: tuning.options=.*Try: tuning.options='{optimizer.lr:\["):
        search(options)
