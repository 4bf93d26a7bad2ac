"""Tests of trained models against every sign, the binomial law, a bootstrap written out, and values by hand."""

import math
import sys
from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest, norm, ttest_1samp

from torchheads.errors import DataError, HeadConfigError
from torchheads.study.functional.over_samples import bootstrap_interval, effect_size, mcnemar, seed_average, sign_flips


def pair(samples: int, seed: int, shift: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Values of two heads, (3, samples), not normal."""
    first, second = np.random.default_rng(seed).exponential(size=(2, 3, samples))
    return first + shift, second


def written_out(values: np.ndarray, level: float, resamples: int) -> tuple[float, float]:
    """BCa interval of a mean, as its paper has it."""
    random, count = np.random.default_rng(123), len(values)
    means = np.sort([values[random.integers(0, count, count)].mean() for _ in range(resamples)])
    bias = norm.ppf((means < values.mean()).mean())
    left_out = np.array([np.delete(values, i).mean() for i in range(count)])
    apart = left_out.mean() - left_out
    acceleration = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        moved = bias + norm.ppf(tail)
        ends.append(float(np.quantile(means, norm.cdf(bias + moved / (1 - acceleration * moved)))))
    return ends[0], ends[1]


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_bootstrap_is_that_of_the_paper(level):
    first, second = pair(40, 0)
    found, values = bootstrap_interval(first, second, level), (first - second).mean(axis=0)
    low, high = written_out(values, level, 9999)
    assert found.estimate == pytest.approx(values.mean())
    assert found.level == level
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.04 * (high - low))


def test_the_bootstrap_leans_with_the_data():
    # a long right tail moves both bounds of BCa to the right of the symmetric ones
    values = np.random.default_rng(1).exponential(size=30) ** 2
    both = np.tile(values, (2, 1))
    found, plain = bootstrap_interval(both, np.zeros((2, 30))), ttest_1samp(values, 0).confidence_interval()
    assert found.low > plain.low
    assert found.high > plain.high


def test_the_bootstrap_of_nothing_and_of_the_same_seed():
    same = np.random.default_rng(0).random((2, 20))
    assert bootstrap_interval(same + 1, same) == pytest.approx((1, 1, 1, 0.95))
    assert bootstrap_interval(same, same) == (0, 0, 0, 0.95)
    first, second = pair(20, 1)
    found = bootstrap_interval(first, second, resamples=99)
    assert found == bootstrap_interval(first, second, resamples=99)
    assert found != bootstrap_interval(first, second, resamples=99, seed=1)


def every_sign(values: np.ndarray) -> float:
    """The smaller tail, doubled, of the means under all signs."""
    seen = values.mean()
    means = np.array([np.mean(values * signs) for signs in product([-1, 1], repeat=len(values))])
    return float(min(2 * min((means <= seen + 1e-12).mean(), (means >= seen - 1e-12).mean()), 1))


@pytest.mark.parametrize("seed", range(5))
def test_sign_flips_are_all_signs(seed):
    first, second = pair(9, seed)
    assert sign_flips(first, second) == pytest.approx(every_sign((first - second).mean(axis=0)))


def test_a_difference_of_zero_has_no_sign():
    first, second = pair(8, 3)
    alike = np.ones((3, 4))
    padded = np.hstack([first, alike]), np.hstack([second, alike])
    assert sign_flips(*padded) == pytest.approx(every_sign((padded[0] - padded[1]).mean(axis=0)))
    assert sign_flips(alike, alike) == 1


def test_many_sign_flips_are_sampled():
    first, second = pair(400, 0, shift=0.1)
    found = sign_flips(first, second, 1999)
    assert found == sign_flips(first, second, 1999)
    assert 2000 * found == pytest.approx(round(2000 * found))
    expected = ttest_1samp((first - second).mean(axis=0), 0).pvalue
    assert found == pytest.approx(expected, abs=3 * math.sqrt(expected / 2000) + 0.01)


@pytest.mark.parametrize("seed", range(4))
def test_mcnemar_is_the_binomial_law(seed):
    random = np.random.default_rng(seed)
    first, second = random.random((3, 80)) < 0.9, random.random((3, 80)) < 0.75
    expected = []
    for one, other in zip(first, second, strict=True):
        won, lost = int((one & ~other).sum()), int((~one & other).sum())
        expected.append(binomtest(won, won + lost).pvalue)
    assert mcnemar(first, second).tolist() == pytest.approx(expected)


def test_mcnemar_by_hand():
    # 4 against 1: 2 (1 + 5) / 2^5 = 0.375; no disagreement: 1
    first, second = [[1, 1, 1, 1, 0, 1], [1] * 6], [[0, 0, 0, 0, 1, 1], [1] * 6]
    assert mcnemar(first, second).tolist() == pytest.approx([0.375, 1])


def test_the_effect_size_is_t_over_the_root_of_n():
    first, second = pair(30, 7)
    expected = ttest_1samp((first - second).mean(axis=0), 0).statistic / 30**0.5
    assert effect_size(first, second) == pytest.approx(expected)
    assert effect_size(second, first) == pytest.approx(-expected)
    same = np.random.default_rng(0).random((2, 20))
    assert math.isnan(effect_size(same + 1, same))  # but for rounding the same at each sample
    assert not math.isnan(effect_size(same * (1 + 1e-6), same))
    # D = 1, 0: mean 0.5, sd 1/sqrt(2)
    assert effect_size([[1, 0]] * 2, [[0, 0]] * 2) == pytest.approx(0.5**0.5)


def test_the_average_over_seeds():
    assert seed_average([[3, 0], [1, 2]], [[0, 0], [0, 4]]).tolist() == [2, -1]


@pytest.mark.parametrize("test", [bootstrap_interval, sign_flips, mcnemar, effect_size, seed_average])
def test_what_cannot_be_compared(test):
    with pytest.raises(DataError, match=r"^TH-P01: first of shape"):
        test(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(DataError, match=r"^TH-P02: second with nan"):
        test(np.zeros((2, 2)), [[0, np.nan], [0, 0]])
    with pytest.raises(DataError, match=r"^TH-P03: 1 training seeds"):
        test([[0, 1]], [[0, 1]])


def test_options_out_of_range():
    first, second = pair(5, 0)
    with pytest.raises(HeadConfigError, match=r"^TH-P05: level=1.5"):
        bootstrap_interval(first, second, 1.5)
    for test in (bootstrap_interval, sign_flips):
        with pytest.raises(HeadConfigError, match=r"^TH-P05: resamples=98"):
            test(first, second, resamples=98)


def test_mcnemar_is_for_right_and_wrong():
    with pytest.raises(DataError, match=r"^TH-P04: second with the value 0.5; allowed 0 and 1\. Try: sign_flips"):
        mcnemar([[1, 0], [1, 1]], [[1, 0.5], [1, 1]])


def test_without_statsmodels(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "statsmodels.stats.contingency_tables", None)
    with pytest.raises(HeadConfigError, match=r"^TH-P06: McNemar's test .* Try: pip install 'torchheads\[study\]'"):
        mcnemar([[1, 0], [1, 1]], [[1, 0], [1, 1]])
