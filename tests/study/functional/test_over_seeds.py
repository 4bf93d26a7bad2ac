"""Intervals over seeds against scipy, and permutations of runs against all of them one by one."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from torchheads.errors import DataError, HeadConfigError
from torchheads.study.functional.over_seeds import seed_mean, seed_permutation


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize("seeds", [2, 5, 30])
def test_the_mean_over_seeds_is_students(level, seeds):
    values = np.random.default_rng(seeds).random(seeds)
    found, expected = seed_mean(values, level), ttest_1samp(values, 0).confidence_interval(level)
    assert found == pytest.approx((values.mean(), expected.low, expected.high, level))


def test_the_mean_over_seeds_by_hand():
    # 1, 2, 3: sd 1, t_2 = 4.30265, half = 4.30265 / sqrt(3) = 2.48414
    assert seed_mean([1, 2, 3]) == pytest.approx((2, 2 - 2.48414, 2 + 2.48414, 0.95), abs=1e-5)


def looped(first: list[float], second: list[float]) -> float:
    """Share of the ways to choose the first head's runs that lie as far apart, the smaller tail doubled."""
    both = first + second
    seen, found = np.mean(first) - np.mean(second), []
    for chosen in combinations(range(len(both)), len(first)):
        rest = [both[i] for i in range(len(both)) if i not in chosen]
        found.append(np.mean([both[i] for i in chosen]) - np.mean(rest))
    tails = [np.mean([value <= seen + 1e-12 for value in found]), np.mean([value >= seen - 1e-12 for value in found])]
    return float(min(2 * min(tails), 1))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [(2, 2), (3, 5), (5, 5)])
def test_permutations_are_those_of_the_loop(seed, sizes):
    random = np.random.default_rng(seed)
    first, second = (
        (random.random(size) + shift).round(1).tolist() for size, shift in zip(sizes, (0, 0.3), strict=True)
    )
    assert seed_permutation(first, second) == pytest.approx(looped(first, second))


def test_permutations_by_hand():
    # 5 and 5 seeds, all of one above all of the other: 2 of 252 ways
    assert seed_permutation(range(5), range(5, 10)) == pytest.approx(2 / 252)
    assert seed_permutation([1, 1], [1, 1]) == 1


def test_many_seeds_are_sampled_the_same_way_each_time():
    first, second = np.random.default_rng(0).random((2, 20))
    found = seed_permutation(first, second, 499)
    assert found == seed_permutation(first, second, 499)
    assert len({seed_permutation(first, second, 499, seed) for seed in range(5)}) > 1
    assert 500 * found == pytest.approx(round(500 * found))


def test_what_cannot_be_compared():
    with pytest.raises(DataError, match=r"^TH-P03: 1 training seeds; allowed 2 or more"):
        seed_mean([0.9])
    with pytest.raises(DataError, match=r"^TH-P02: values with nan at \(1,\)"):
        seed_mean([0.9, np.nan])
    with pytest.raises(DataError, match=r"^TH-P03: 1 training seeds in second"):
        seed_permutation([1, 2], [1])
    with pytest.raises(DataError, match=r"^TH-P02: second with inf at \(0,\)"):
        seed_permutation([1, 2], [np.inf, 1])
    with pytest.raises(HeadConfigError, match=r"^TH-P05: level=1;"):
        seed_mean([1, 2], 1)
    with pytest.raises(HeadConfigError, match=r"^TH-P05: resamples=10; allowed 99 or more"):
        seed_permutation([1, 2], [1, 2], 10)
