"""`Temperature` against scikit-learn, a minimiser of scipy, a grid and a planted value."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.calibration import Temperature
from torchheads.calibration.functional import HeldOut
from torchheads.calibration.temperature import best_temperature
from torchheads.errors import FitError, HeadConfigError
from torchheads.links import SIGMOID, SOFTMAX


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose decision function is its input."""

    def fit(self, inputs, target):
        self.classes_ = np.unique(target)
        return self

    def decision_function(self, inputs):
        return inputs[:, 0] if inputs.shape[1] == 1 else inputs

    def predict(self, inputs):  # asked for, not used
        raise NotImplementedError


def scikit_learn(inputs, target):
    """Calibrated probabilities of the rows of the fit."""
    frozen = FrozenEstimator(Given().fit(inputs, target))
    fitted = CalibratedClassifierCV(frozen, method="temperature", ensemble=False).fit(inputs, target)
    return torch.from_numpy(fitted.predict_proba(inputs))


def rows(classes, count=400, temperature=1.0, seed=0):
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, classes, generator=random, dtype=torch.float64) * 2
    return temperature * logits, torch.multinomial(logits.softmax(dim=1), 1, generator=random)[:, 0]


def fitted(head_class, logits, target, classes, **options):
    head = head_class(
        4, classes, calibrator=Temperature(**options), label_type="multi" if target.ndim == 2 else "single"
    )
    head.fit_held_out(logits, target)
    return head


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_softmax_is_scikit_learns(classes, scale):
    logits, target = rows(classes, temperature=scale)
    head = fitted(SoftmaxHead, logits, target, classes)
    inputs = logits.diff(dim=1) if classes == 2 else logits  # scikit-learn's decision function of two classes
    expected = scikit_learn(inputs.numpy(), target.numpy())
    torch.testing.assert_close(head.probabilities(logits), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_sigmoid_of_one_class_is_scikit_learns(scale):
    logits = torch.randn(300, 1, dtype=torch.float64) * 2
    target = (torch.rand(300, 1) < logits.sigmoid()).long()
    head = fitted(SigmoidHead, scale * logits, target, 1)
    expected = scikit_learn(scale * logits.numpy(), target[:, 0].numpy())[:, 1:]
    torch.testing.assert_close(head.probabilities(scale * logits), expected, rtol=1e-5, atol=1e-7)


def test_sigmoid_shared_and_per_class_are_scipys_minimum():
    logits = torch.randn(300, 3, dtype=torch.float64) * torch.tensor([1.0, 3.0, 9.0])
    target = torch.rand(300, 3) < (logits / torch.tensor([1.0, 2.0, 3.0])).sigmoid()

    def minimum(z, y):
        cost = lambda u: np.logaddexp(0, np.where(y, -z, z) / math.exp(u)).sum()  # noqa: E731
        return math.exp(minimize_scalar(cost, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9}).x)

    shared = fitted(SigmoidHead, logits, target.long(), 3).calibrator
    assert shared.temperature.tolist() == pytest.approx([minimum(logits.numpy(), target.numpy())] * 3, rel=1e-6)
    each = fitted(SigmoidHead, logits, target.long(), 3, per_class=True).calibrator
    expected = [minimum(logits[:, c].numpy(), target[:, c].numpy()) for c in range(3)]
    assert each.temperature.tolist() == pytest.approx(expected, rel=1e-6)
    assert each.temperature.tolist() == pytest.approx([1.0, 2.0, 3.0], rel=0.5)


def test_label_sets_under_softmax_are_the_grid_minimum():
    """The literal loss of k-hot targets at 2,001 temperatures: none is better, and the best is the nearest."""
    logits, _ = rows(4, count=60)
    target = torch.rand(60, 4) < (logits / 2).sigmoid()
    target[0] = False  # an empty set costs nothing
    known = torch.rand(60, 4) < 0.8

    def loss(temperature):
        total = 0.0
        for row, hot, seen in zip(logits.tolist(), target.tolist(), known.tolist(), strict=True):
            places = [c for c in range(4) if seen[c]]
            log_p = log_softmax([row[c] / temperature for c in places]) if places else []
            right = [p for p, c in zip(log_p, places, strict=True) if hot[c]]
            total -= sum(right) / len(right) if right else 0.0
        return total

    calibrator = Temperature()
    calibrator.bind(4, SOFTMAX)
    calibrator.fit(logits, target, known)
    temperature = float(calibrator.temperature[0])
    grid = np.geomspace(temperature / 2, temperature * 2, 2001)
    losses = [loss(float(each)) for each in grid]
    assert loss(temperature) <= min(losses) + 1e-9
    assert grid[int(np.argmin(losses))] == pytest.approx(temperature, rel=2e-3)


def test_by_hand():
    """Logits +-2, right in 4 of 5 rows: sigmoid(2 / T) = 4/5, so T = 2 / ln 4."""
    logits, target = torch.tensor([[2.0]] * 4 + [[-2.0]]), torch.tensor([[1], [1], [1], [0], [0]])
    assert float(fitted(SigmoidHead, logits, target, 1).calibrator.temperature) == pytest.approx(
        2 / math.log(4), rel=1e-6
    )
    pairs = torch.tensor([[3.0, 0.0]] * 4)  # softmax(3 / T)_0 = 3/4: T = 3 / ln 3
    head = fitted(SoftmaxHead, pairs, torch.tensor([0, 0, 0, 1]), 2)
    assert head.calibrator.temperature.tolist() == pytest.approx([3 / math.log(3)] * 2, rel=1e-6)


@pytest.mark.parametrize("planted", [0.2, 1.0, 5.0])
def test_a_planted_temperature_is_found(planted):
    """20,000 rows; the standard error of ln T is near 0.01."""
    logits, target = rows(5, count=20_000, temperature=planted)
    assert float(fitted(SoftmaxHead, logits, target, 5).calibrator.temperature[0]) == pytest.approx(planted, rel=0.05)


@given(st.integers(0, 10_000), st.floats(0.002, 900))
def test_order_and_argmax_of_each_row_are_kept(seed, temperature):
    calibrator = Temperature()
    calibrator.bind(6, SOFTMAX)
    calibrator.load_state_dict(
        {
            "is_fitted": torch.tensor(True),
            "learned": torch.ones(6, dtype=torch.bool),
            "temperature": torch.full((6,), temperature),
        }
    )
    logits = torch.randn(50, 6, generator=torch.Generator().manual_seed(seed)) * 10
    order = logits.argsort(dim=1)
    assert (calibrator(logits).gather(1, order).diff(dim=1) >= 0).all()
    assert torch.equal(calibrator(logits).argmax(dim=1), logits.argmax(dim=1))


def test_a_softmax_has_one_temperature():
    with pytest.raises(
        HeadConfigError, match=r"TH-H24: Temperature\(per_class=True\).*Try: calibration.per_class=false"
    ):
        SoftmaxHead(4, 3, calibrator=Temperature(per_class=True))


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e4])
def test_rows_that_are_all_right_have_no_temperature(head_class, scale):
    target = torch.arange(3).repeat(5)
    logits = scale * (2.0 * torch.nn.functional.one_hot(target, 3) - 1)
    with pytest.raises(FitError, match=r"TH-Z04: no temperature in 0.001 < T < 1000.*15 held-out rows: the smaller"):
        fitted(head_class, logits, target, 3)


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_logits_that_tell_nothing_or_the_opposite_have_no_temperature(head_class):
    target = torch.arange(3).repeat(5)
    for logits in (torch.zeros(15, 3), 1 - 2.0 * torch.nn.functional.one_hot(target, 3)):
        with pytest.raises(FitError, match=r"TH-Z04: .* the larger the temperature the better"):
            fitted(head_class, logits, target, 3)


def test_a_temperature_of_its_own_needs_both_outcomes_and_a_minimum():
    """Class 0 learns; 1 is always right, 2 never, 3 told apart without error, 4 the wrong way round."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 5, generator=random) * 3
    target = torch.rand(200, 5, generator=random) < (logits / 2).sigmoid()
    target[:, 1], target[:, 2], target[:, 3], target[:, 4] = True, False, logits[:, 3] > 0, logits[:, 4] < 0
    calibrator = fitted(SigmoidHead, logits, target.long(), 5, per_class=True).calibrator
    assert calibrator.kept_identity == (1, 2, 3, 4)
    assert torch.equal(calibrator(logits)[:, 1:], logits[:, 1:])
    assert not torch.equal(calibrator(logits)[:, 0], logits[:, 0])
    assert "per_class=True, fitted, identity kept for 4 of 5 classes" in repr(calibrator)
    with pytest.raises(FitError, match="TH-Z04"):
        fitted(SigmoidHead, logits[:, 1:], target[:, 1:].long(), 4, per_class=True)


def test_the_search_says_so_when_it_does_not_converge(monkeypatch):
    import scipy.optimize

    class Report:
        converged = False

    monkeypatch.setattr(scipy.optimize, "brentq", lambda *_, **__: (0.0, Report()))
    logits, target = rows(3)
    with pytest.raises(FitError, match=r"TH-Z04: .* did not converge"):
        fitted(SoftmaxHead, logits, target, 3)


def test_the_minimum_of_a_column_is_its_own():
    logits, target = torch.tensor([[1.0], [1.0], [-1.0]]), torch.tensor([[True], [False], [False]])
    assert best_temperature(SIGMOID, HeldOut(logits, target, None)) == pytest.approx(1 / math.log(2), rel=1e-9)
    assert expit(math.log(2)) == pytest.approx(2 / 3)


def test_repr_shows_the_temperature():
    logits, target = rows(3, temperature=2.0)
    assert repr(Temperature()) == "Temperature(per_class=False, not fitted)"
    calibrator = fitted(SoftmaxHead, logits, target, 3).calibrator
    assert (
        repr(calibrator) == f"Temperature(per_class=False, fitted, temperature={float(calibrator.temperature[0]):.4g})"
    )
