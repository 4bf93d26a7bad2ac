"""A grid tries every combination, whatever has come of it."""

from torchheads.tuning import Grid, Trial


def test_every_combination_once_the_last_option_fastest() -> None:
    grid = Grid({"a": [1, 2], "b": [3, 4, 5]})
    assert grid.size == 6
    assert grid.proposals([])[:4] == [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 1, "b": 5}, {"a": 2, "b": 3}]


def test_what_was_tried_is_not_proposed_again() -> None:
    grid = Grid({"a": [1, 2, 3]})
    assert grid.proposals([Trial({"a": 1}, 0.5), Trial({"a": 2}, None)]) == [{"a": 3}]
    assert grid.proposals([Trial({"a": value}, 0.5) for value in (1, 2, 3)]) == []
