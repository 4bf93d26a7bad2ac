"""Metrics of rows against scikit-learn, by hand, and with entries that are not known."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score

from torchheads.study.functional.metrics import (
    brier_rows,
    counts,
    macro_f1,
    mean_average_precision,
    micro_f1,
    right_rows,
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("decimals", [0, 1, 6])  # with 0 nearly all scores are tied
def test_average_precision_equals_scikit_learns(random: np.random.Generator, decimals: int) -> None:
    for _ in range(20):
        target = (random.random((40, 5)) < 0.3).astype(int)
        target[0] = 1
        scores = np.round(random.normal(size=(40, 5)) + target, decimals)
        assert mean_average_precision(scores, target) == pytest.approx(average_precision_score(target, scores))


def test_a_class_without_positives_has_no_part_in_the_mean() -> None:
    scores, target = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[0, 0], [1, 0]])
    assert mean_average_precision(scores, target) == 0.5  # the positive comes second
    assert np.isnan(mean_average_precision(scores, np.zeros((2, 2), int)))


def test_rows_that_are_not_known_are_as_if_they_were_not_there(random: np.random.Generator) -> None:
    scores, target = random.normal(size=(60, 1)), (random.random((60, 1)) < 0.4).astype(int)
    known = random.random(60) < 0.7
    hidden = np.where(known[:, None], target, -1)
    assert mean_average_precision(scores, hidden) == pytest.approx(mean_average_precision(scores[known], target[known]))
    assert macro_f1(scores > 0, hidden) == macro_f1(scores[known] > 0, target[known])
    assert micro_f1(scores > 0, hidden) == micro_f1(scores[known] > 0, target[known])


def test_f1_equals_scikit_learns(random: np.random.Generator) -> None:
    predicted, target = random.integers(0, 6, 50), random.integers(0, 6, 50)
    assert macro_f1(predicted, target) == pytest.approx(f1_score(target, predicted, average="macro"))
    sets, truth = random.random((50, 6)) < 0.4, (random.random((50, 6)) < 0.4).astype(int)
    assert macro_f1(sets, truth) == pytest.approx(f1_score(truth, sets, average="macro"))
    assert micro_f1(sets, truth) == pytest.approx(f1_score(truth, sets, average="micro"))


def test_f1_is_undefined_where_a_class_is_nowhere() -> None:
    assert macro_f1(np.array([2, 2]), np.array([2, 2])) == 1.0  # classes 0 and 1 are left out
    assert np.isnan(macro_f1(np.zeros((2, 2), bool), np.zeros((2, 2), int)))
    assert np.isnan(micro_f1(np.zeros((2, 2), bool), np.zeros((2, 2), int)))


def test_no_class_is_a_miss_and_no_prediction() -> None:
    hits, predicted, there = counts(np.array([-1, 1]), np.array([1, 1]))
    assert (hits.tolist(), predicted.tolist(), there.tolist()) == ([0, 1], [0, 1], [0, 2])
    assert right_rows(np.array([-1, 1]), np.array([1, 1])).tolist() == [0.0, 1.0]


def test_a_sample_whose_class_is_not_known_does_not_count() -> None:
    predicted, target = np.array([0, 1, 1, 0]), np.array([0, -1, 1, -1])
    assert macro_f1(predicted, target) == 1.0
    assert [part.tolist() for part in counts(predicted, target)] == [[1, 1], [1, 1], [1, 1]]


def test_a_set_is_right_where_all_that_is_known_is() -> None:
    predicted = np.array([[True, False], [True, True], [False, False]])
    assert right_rows(predicted, np.array([[1, 0], [1, 0], [0, -1]])).tolist() == [1.0, 0.0, 1.0]


def test_brier_of_rows(random: np.random.Generator) -> None:
    probabilities = random.random((30, 1))
    target = (random.random((30, 1)) < 0.5).astype(int)
    assert brier_rows(probabilities, target).mean() == pytest.approx(
        brier_score_loss(target[:, 0], probabilities[:, 0])
    )
    # 0.2^2 + (0.7 - 1)^2 + 0.1^2 = 0.14
    assert brier_rows(np.array([[0.2, 0.7, 0.1]]), np.array([1])) == pytest.approx([0.14])
    # the mean of 0.2^2 and 0.3^2, the third entry not being known
    assert brier_rows(np.array([[0.2, 0.7, 0.1]]), np.array([[0, 1, -1]])) == pytest.approx([0.065])
