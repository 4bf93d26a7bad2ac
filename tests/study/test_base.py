"""What may be compared, refused in words, and what an estimate holds."""

import numpy as np
import pytest
import torch

from torchheads.errors import DataError, HeadConfigError
from torchheads.study.base import (
    Difference,
    Interval,
    check_level,
    check_resamples,
    enough,
    finite,
    pair_of_runs,
    runs,
)


@pytest.mark.parametrize("values", [[[1, 0, 1], [1, 1, 1]], np.array([[True, False], [True, True]]), torch.eye(3)])
def test_runs_become_float64(values):
    found = runs(values)
    assert found.dtype == np.float64
    assert found.tolist() == np.asarray(values).astype(float).tolist()


@pytest.mark.parametrize(
    ("values", "code", "problem"),
    [
        ([1.0, 2.0], "P01", r"values of shape \(2,\); allowed \(seeds, samples\), a row a training seed"),
        ([[[1.0]]], "P01", r"values of shape \(1, 1, 1\)"),
        ([[1.0, 2.0], [3.0]], "P01", r"values that are no array of numbers \(.*"),
        ([["a", "b"], ["c", "d"]], "P01", r"values that are no array of numbers \(.*"),
        ([[1.0, 2.0], [3.0, np.nan]], "P02", r"values with nan at \(1, 1\); allowed finite numbers"),
        ([[-np.inf, 2.0], [3.0, 4.0]], "P02", r"values with -inf at \(0, 0\)"),
        ([[1.0, 2.0]], "P03", r"1 training seeds in values; allowed 2 or more, 5 or more are advised"),
        ([[1.0], [2.0]], "P03", r"1 test samples in values"),
        (np.zeros((2, 0)), "P03", r"0 test samples in values"),
    ],
)
def test_runs_that_no_interval_can_be_made_of(values, code, problem):
    with pytest.raises(DataError, match=f"^TH-{code}: {problem}") as caught:
        runs(values)
    assert caught.value.remedy


def test_heads_have_the_same_seeds_and_samples():
    with pytest.raises(DataError, match=r"^TH-P01: first of shape \(3, 4\) and second of shape \(2, 4\); allowed the"):
        pair_of_runs(np.zeros((3, 4)), np.zeros((2, 4)))
    with pytest.raises(DataError, match=r"^TH-P02: second with nan at \(0, 3\)"):
        pair_of_runs(np.zeros((2, 4)), [[0, 0, 0, np.nan], [0] * 4])
    with pytest.raises(DataError, match=r"^TH-P03: 1 training seeds in first"):
        pair_of_runs(np.zeros((1, 4)), np.zeros((1, 4)))
    first, second = pair_of_runs(np.ones((2, 4)), np.zeros((2, 4)))
    assert (first - second == 1).all()


def test_finite_names_what_it_was_given():
    with pytest.raises(DataError, match=r"^TH-P02: losses with inf at \(1,\)"):
        finite([0.0, np.inf], "losses")
    with pytest.raises(DataError, match=r"^TH-P01: losses that are no array"):
        finite(["a"], "losses")


@pytest.mark.parametrize("number", [0, 1])
def test_enough_is_two(number):
    enough(2, "things")
    with pytest.raises(DataError, match=f"^TH-P03: {number} things; allowed 2 or more"):
        enough(number, "things")


@pytest.mark.parametrize("level", [0, 1, -0.1, 95, np.nan])
def test_levels_lie_between_0_and_1(level):
    with pytest.raises(
        HeadConfigError, match=rf"^TH-P05: level={level}; allowed above 0 and below 1\. Try: level=0.95"
    ):
        check_level(level)


def test_resamples_are_not_too_few():
    check_resamples(99, 99)
    with pytest.raises(HeadConfigError, match=r"^TH-P05: resamples=98; allowed 99 or more\. Try: resamples=9999"):
        check_resamples(98, 99)


def test_a_difference_holds_its_interval():
    difference = Difference(0.1, 0.0, 0.2, 0.9, 0.05, 4.0, 0.1)
    assert difference.interval == Interval(0.1, 0.0, 0.2, 0.9)
