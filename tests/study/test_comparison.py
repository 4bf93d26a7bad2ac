"""A comparison is its parts, each of the function that bears its name."""

import numpy as np
import pytest

from torchheads.errors import DataError, HeadConfigError
from torchheads.study import Comparison, compare
from torchheads.study.functional import crossed, over_samples, over_seeds


@pytest.fixture
def hits() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.random((4, 60)) < 0.9, random.random((4, 60)) < 0.7


def test_parts(hits):
    first, second = hits
    means = first.mean(axis=1), second.mean(axis=1)
    assert compare(first, second, 0.9, 199, seed=3) == Comparison(
        first=crossed.crossed_mean(first, 0.9),
        second=crossed.crossed_mean(second, 0.9),
        difference=crossed.paired_difference(first, second, 0.9),
        first_over_seeds=over_seeds.seed_mean(means[0], 0.9),
        second_over_seeds=over_seeds.seed_mean(means[1], 0.9),
        seed_permutation=over_seeds.seed_permutation(*means, 199, seed=3),
        bootstrap=over_samples.bootstrap_interval(first, second, 0.9, 199, seed=3),
        sign_flips=over_samples.sign_flips(first, second, 199, seed=3),
        effect_size=over_samples.effect_size(first, second),
        mcnemar=tuple(over_samples.mcnemar(first, second)),
    )


def test_mcnemar_is_for_right_and_wrong_alone(hits):
    first, second = hits
    assert len(compare(first, second, resamples=99).mcnemar) == 4
    assert compare(first + 0.5, second + 0.5, resamples=99).mcnemar == ()


def test_refusals(hits):
    with pytest.raises(DataError, match=r"^TH-P01: first of shape \(4, 60\) and second of shape \(4, 59\)"):
        compare(hits[0], hits[1][:, 1:])
    with pytest.raises(HeadConfigError, match=r"^TH-P05: level=2"):
        compare(*hits, level=2)
