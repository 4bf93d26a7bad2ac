"""The main interval against mean squares written out, values by hand, and the rates it promises."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from sklearn.metrics import average_precision_score

from torchheads.errors import DataError, HeadConfigError
from torchheads.study.functional.crossed import (
    crossed,
    crossed_mean,
    differences,
    metric_difference,
    paired_difference,
)


def drawn(seeds: int, samples: int, spreads: tuple[float, float, float], random: np.random.Generator) -> np.ndarray:
    """Values with spreads of seeds, samples and both, shape (seeds, samples)."""
    parts = random.standard_normal((seeds, 1)), random.standard_normal((1, samples))
    rest = random.standard_normal((seeds, samples))
    return spreads[0] * parts[0] + spreads[1] * parts[1] + spreads[2] * rest


def looped_variance(values: np.ndarray) -> float:
    """(MS seeds + MS samples - MS rest) / (s n), the mean squares of a two-way table one number at a time."""
    seeds, samples = values.shape
    mean = sum(values[i, j] for i in range(seeds) for j in range(samples)) / (seeds * samples)
    rows = [sum(values[i, j] for j in range(samples)) / samples for i in range(seeds)]
    columns = [sum(values[i, j] for i in range(seeds)) / seeds for j in range(samples)]
    of_seeds = samples * sum((row - mean) ** 2 for row in rows) / (seeds - 1)
    of_samples = seeds * sum((column - mean) ** 2 for column in columns) / (samples - 1)
    rest = sum((values[i, j] - rows[i] - columns[j] + mean) ** 2 for i in range(seeds) for j in range(samples))
    rest /= (seeds - 1) * (samples - 1)
    return (of_seeds + max(of_samples - rest, 0)) / (seeds * samples)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spreads", [(1, 1, 1), (0, 2, 1), (0.1, 0, 1), (1, 1, 0), (0, 1, 0)])
def test_the_standard_error_is_that_of_the_mean_squares(seed, spreads):
    values = drawn(4, 9, spreads, np.random.default_rng(seed))
    second = np.random.default_rng(seed + 100).standard_normal((4, 9))
    found = paired_difference(values + second, second)
    assert found.standard_error == pytest.approx(math.sqrt(looped_variance(values)), rel=1e-9)
    assert found.estimate == pytest.approx(values.mean())


def test_by_hand():
    # D = [[0, 2], [2, 4]]: means of seeds 1 and 3, so v = 2/2 = 1; variances and covariance of the rows 2, over n = 2
    # samples 1, so c = 1, e = 0 and w = 1; V = 2, df = 4 / (1 + 1) = 2, t = 4.30265, half = 4.30265 sqrt(2) = 6.08487.
    # With 2 degrees P(T > t) = 1/2 - t / (2 sqrt(2 + t^2)), at t = 2 / sqrt(2): 1/2 - sqrt(2) / 4 = 0.146447.
    found = paired_difference([[1, 3], [3, 5]], [[1, 1], [1, 1]])
    assert found.standard_error == pytest.approx(2**0.5)
    assert found.degrees_of_freedom == pytest.approx(2)
    assert found[:4] == pytest.approx((2, 2 - 6.08487, 2 + 6.08487, 0.95), abs=1e-5)
    assert found.p_value == pytest.approx(2 * 0.146447, abs=1e-5)


def test_the_degrees_of_freedom_by_hand():
    # s = 3, values -1, 0, 1: v = 1/3. Variances 3, covariances 1 (c = 1): e = (3 - 1)/3 = 2/3 > v, so v' = 2/3;
    # w = 5/3. df = (2/3 + 1)^2 / ((2/3)^2/2 + (5/3)^2/10 + (2/3)^2/(2*10)) = 2.7778 / 0.5222 = 5.3191
    covariance = np.full((3, 3), 1.0) + 2 * np.eye(3)
    found = crossed(np.array([-1.0, 0.0, 1.0]), covariance, 11, 0.95)
    assert found.degrees_of_freedom == pytest.approx(5.319149, abs=1e-5)
    assert found.standard_error == pytest.approx((4 / 3) ** 0.5)


def test_where_samples_do_nothing_it_is_students():
    values = np.array([0.3, 0.5, 0.1, 0.6, 0.2])
    found, expected = crossed(values, np.zeros((5, 5)), 1000, 0.9), ttest_1samp(values, 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.9)))


def test_where_seeds_do_nothing_it_is_students_over_samples():
    values = np.random.default_rng(0).standard_normal(50)
    found, expected = paired_difference(np.tile(values, (5, 1)), np.zeros((5, 50))), ttest_1samp(values, 0)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.degrees_of_freedom == pytest.approx(49)


def test_it_is_never_stricter_than_seeds_alone():
    # shares less than nothing: c = -1 counts as 0, and 2 degrees are left for 3 seeds
    found = crossed(np.array([-1e-3, 0.0, 1e-3]), 3 * np.eye(3) - 1, 100, 0.95)
    assert found.degrees_of_freedom == pytest.approx(2)
    assert found.standard_error == pytest.approx(1e-3 / 3**0.5)


def test_symmetries():
    random = np.random.default_rng(3)
    first, second = random.standard_normal((2, 5, 40))
    found, turned = paired_difference(first, second), paired_difference(second, first)
    assert (turned.estimate, turned.low, turned.high) == pytest.approx((-found.estimate, -found.high, -found.low))
    assert turned.p_value == pytest.approx(found.p_value)
    shuffled = paired_difference(first[:, ::-1], second[:, ::-1])
    assert shuffled == pytest.approx(found)
    hard = random.standard_normal(40) * 10  # difficulty that both heads share is gone
    assert paired_difference(first + hard, second + hard) == pytest.approx(found)
    assert paired_difference(3 * first, 3 * second).low == pytest.approx(3 * found.low)


def test_without_any_spread_the_interval_is_a_point():
    same = paired_difference(np.ones((3, 4)), np.ones((3, 4)))
    assert (same.low, same.high, same.p_value) == (0, 0, 1)
    apart = paired_difference(np.ones((3, 4)), np.zeros((3, 4)))
    assert (apart.low, apart.high, apart.p_value) == (1, 1, 0)


def test_p_values_and_bounds_agree():
    random = np.random.default_rng(5)
    for _ in range(50):
        found = paired_difference(drawn(4, 12, (0.5, 1, 1), random) + 0.9, np.zeros((4, 12)), 0.9)
        assert (found.p_value <= 0.1) == (found.low >= 0 or found.high <= 0)


@pytest.mark.parametrize("spreads", [(0, 0, 1), (0.1, 1, 0.3), (0.3, 0.5, 1), (1, 0.2, 0.2), (0, 1, 0.1)])
def test_it_covers_the_truth_as_often_as_promised(spreads):
    random = np.random.default_rng(11)
    found = [paired_difference(drawn(5, 60, spreads, random) + 2, np.zeros((5, 60))) for _ in range(600)]
    covered = np.mean([each.low <= 2 <= each.high for each in found])
    assert abs(covered - 0.95) <= 0.01 + 3 * math.sqrt(0.95 * 0.05 / 600)


def test_the_mean_of_one_head():
    random = np.random.default_rng(0)
    values = random.random((5, 30))
    found, expected = crossed_mean(values, 0.9), paired_difference(values, np.zeros((5, 30)), 0.9)
    assert found == expected.interval
    with pytest.raises(DataError, match=r"^TH-P03: 1 training seeds in values"):
        crossed_mean([[0.1, 0.2]])


def accuracy(scores: np.ndarray, target: np.ndarray) -> float:
    """A mean over samples, as a metric of the whole test set."""
    return float(((scores > 0) == target).mean())


def test_a_mean_as_a_metric_is_the_paired_difference():
    random = np.random.default_rng(2)
    target = random.random(400) < 0.5
    shared = random.standard_normal(400) + 2 * target - 1
    first, second = (shared + random.standard_normal(400) + random.standard_normal((5, 400)) for _ in range(2))
    hits = [(scores > 0) == target for scores in (first, second)]
    expected = paired_difference(*hits)
    found = metric_difference(accuracy, first, second, target, resamples=2000)
    assert found.estimate == pytest.approx(expected.estimate)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=0.03)
    assert found.high - found.low == pytest.approx(expected.high - expected.low, rel=0.05)


def test_metrics_of_rows_with_columns():
    random = np.random.default_rng(4)
    target = random.random((120, 3)) < 0.4
    first, second = (random.standard_normal((3, 120, 3)) + strength * target for strength in (2.0, 0.5))

    def metric(scores: np.ndarray, target: np.ndarray) -> float:
        return float(average_precision_score(target, scores, average="macro"))

    found = metric_difference(metric, first, second, target, resamples=50)
    assert found.estimate == pytest.approx(
        np.mean([metric(one, target) - metric(other, target) for one, other in zip(first, second, strict=True)])
    )
    assert found.low > 0.1
    assert found == metric_difference(metric, first, second, target, resamples=50)
    assert found != metric_difference(metric, first, second, target, resamples=50, seed=1)
    taken = differences(metric, first, second, target, np.arange(60))
    assert taken == pytest.approx(differences(metric, first[:, :60], second[:, :60], target[:60], np.arange(60)))


def test_a_metric_that_is_undefined():
    target = np.array([True] + [False] * 9)
    scores = np.tile(np.arange(10.0), (2, 1))

    def metric(scores: np.ndarray, target: np.ndarray) -> float:
        return float(scores[target].mean()) if target.any() else math.nan

    with pytest.raises(DataError, match=r"^TH-P07: a metric undefined on \d+ of 100 resamples; allowed a tenth"):
        metric_difference(metric, scores, scores, target, resamples=100)  # 0.9^10 = 35 % have no positive
    with pytest.raises(DataError, match=r"^TH-P07: a metric that is no finite number on the test set"):
        metric_difference(metric, scores, scores, np.zeros(10, dtype=bool))
    target[:4] = True  # 0.6^10 = 0.6 %
    assert metric_difference(metric, scores, scores - 1, target).estimate == 1


@pytest.mark.parametrize(
    ("first", "second", "target", "code"),
    [
        ((2, 5), (3, 5), (5,), "P01"),
        ((2, 5), (2, 5), (4,), "P01"),
        ((5,), (5,), (5,), "P01"),
        ((2, 5), (2, 5), (), "P01"),
        ((1, 5), (1, 5), (5,), "P03"),
        ((2, 1), (2, 1), (1,), "P03"),
    ],
)
def test_metrics_of_rows_that_do_not_fit(first, second, target, code):
    with pytest.raises(DataError, match=f"^TH-{code}"):
        metric_difference(accuracy, np.zeros(first), np.zeros(second), np.zeros(target))


def test_options_out_of_range():
    values = np.zeros((2, 3))
    with pytest.raises(HeadConfigError, match=r"^TH-P05: level=95"):
        paired_difference(values, values, 95)
    with pytest.raises(HeadConfigError, match=r"^TH-P05: resamples=49; allowed 50 or more"):
        metric_difference(accuracy, values, values, np.zeros(3), resamples=49)
    with pytest.raises(HeadConfigError, match=r"^TH-P05: level=0"):
        metric_difference(accuracy, values, values, np.zeros(3), level=0)
