"""`Platt` against scikit-learn, a grid of lines, and values worked by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.calibration import Platt
from torchheads.calibration.platt import fit_smoothed_line


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
    fitted = CalibratedClassifierCV(frozen, method="sigmoid", ensemble=False).fit(inputs, target)
    return torch.from_numpy(fitted.predict_proba(inputs))


def rows(classes, count=400, seed=0):
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, classes, generator=random, dtype=torch.float64) * 2
    return 2.5 * logits + torch.arange(classes), torch.multinomial(logits.softmax(dim=1), 1, generator=random)[:, 0]


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_softmax_is_scikit_learns_one_against_the_rest(classes):
    """Of the log-odds; of two classes scikit-learn fits one curve, which is the other one's mirror image."""
    logits, target = rows(classes)
    head = SoftmaxHead(4, classes, calibrator=Platt())
    scores = SoftmaxHead(4, classes).scores(logits).numpy()
    head.fit_held_out(logits, target)
    expected = scikit_learn(scores[:, 1:] if classes == 2 else scores, target.numpy())
    torch.testing.assert_close(head.probabilities(logits), expected, rtol=2e-5, atol=1e-7)


def test_sigmoid_is_scikit_learns_class_by_class():
    logits = torch.randn(300, 3, dtype=torch.float64) * 3
    target = torch.rand(300, 3) < (logits / 2 - 1).sigmoid()
    head = SigmoidHead(4, 3, calibrator=Platt())
    head.fit_held_out(logits, target.long())
    each = [scikit_learn(logits[:, [c]].numpy(), target[:, c].long().numpy())[:, 1] for c in range(3)]
    torch.testing.assert_close(head.probabilities(logits), torch.stack(each, dim=1), rtol=2e-5, atol=1e-7)


def test_no_line_of_a_grid_is_better():
    """The definition as a loop over rows, at 41 x 41 lines around the one found."""
    scores = torch.randn(50, dtype=torch.float64) * 2
    outcome = (torch.rand(50) < scores.sigmoid()).double()
    right = int(outcome.sum())

    def loss(a, b):
        total = 0.0
        for s, y in zip(scores.tolist(), outcome.tolist(), strict=True):
            goal = (right + 1) / (right + 2) if y else 1 / (50 - right + 2)
            p = expit(a * s + b)
            total -= goal * math.log(p) + (1 - goal) * math.log(1 - p)
        return total

    slope, offset = fit_smoothed_line(scores, outcome)
    best = loss(slope, offset)
    assert all(
        loss(slope + da, offset + db) >= best - 1e-9
        for da in np.linspace(-0.2, 0.2, 41)
        for db in np.linspace(-0.2, 0.2, 41)
    )


def test_by_hand():
    """Scores 0 and 1: of three at 1 two are right, of three at 0 one. Goals 4/5 for the 3 right, 1/5 for the 3 wrong.

    Mean goal at 1: (4/5 + 4/5 + 1/5) / 3 = 3/5, at 0: 2/5; so b = logit 2/5 = -ln 1.5 and a = 2 ln 1.5.
    """
    scores = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    outcome = torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    assert fit_smoothed_line(scores, outcome) == pytest.approx((2 * math.log(1.5), -math.log(1.5)), rel=1e-7)


def test_a_planted_line_is_found():
    logits = torch.randn(20_000, 1, dtype=torch.float64) * 2
    target = torch.rand(20_000, 1) < (0.4 * logits - 1.5).sigmoid()
    head = SigmoidHead(4, 1, calibrator=Platt())
    head.fit_held_out(logits, target.long())
    assert head.calibrator.slope.item() == pytest.approx(0.4, rel=0.1)
    assert head.calibrator.offset.item() == pytest.approx(-1.5, rel=0.05)


def test_a_class_that_is_told_the_wrong_way_round_or_never_seen_keeps_its_logits():
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 4, generator=random) * 3
    target = torch.rand(200, 4, generator=random) < (logits / 3).sigmoid()
    target[:, 1], target[:, 2] = torch.rand(200, generator=random) < (-logits[:, 1]).sigmoid(), False
    head = SigmoidHead(4, 4, calibrator=Platt())
    head.fit_held_out(logits, target.long())
    assert head.calibrator.kept_identity == (1, 2)
    assert torch.equal(head.calibrator(logits)[:, 1:3], logits[:, 1:3])
    assert (head.calibrator.slope > 0).all()


def test_a_class_never_seen_under_a_softmax_keeps_its_log_odds_among_renormalised_ones():
    logits, target = rows(4)
    logits = torch.cat([logits, torch.randn(len(logits), 1, dtype=torch.float64) - 4], dim=1)
    head, plain = SoftmaxHead(4, 5, calibrator=Platt()), SoftmaxHead(4, 5)
    head.fit_held_out(logits, target)
    assert head.calibrator.kept_identity == (4,)
    scores, slope, offset = plain.scores(logits), head.calibrator.slope.double(), head.calibrator.offset.double()
    expected = (slope * scores + offset).sigmoid()
    torch.testing.assert_close(expected[:, 4], plain.probabilities(logits)[:, 4])
    torch.testing.assert_close(head.probabilities(logits), expected / expected.sum(dim=1, keepdim=True))


def test_ranks_of_a_class_are_kept():
    logits = torch.randn(500, 2) * 3
    target = torch.rand(500, 2) < (logits / 2 - 1).sigmoid()
    head = SigmoidHead(4, 2, calibrator=Platt())
    head.fit_held_out(logits, target.long())
    assert torch.equal(head.scores(logits).argsort(dim=0), logits.argsort(dim=0))


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_size_of_the_scores_does_not_matter(scale):
    scores = torch.randn(100, dtype=torch.float64)
    outcome = (torch.rand(100) < scores.sigmoid()).double()
    slope, offset = fit_smoothed_line(scores, outcome)
    assert fit_smoothed_line(scale * scores, outcome) == pytest.approx((slope / scale, offset), rel=1e-6)


def test_equal_scores_tell_nothing():
    ones = torch.ones(4, dtype=torch.float64)
    assert fit_smoothed_line(ones, torch.tensor([0, 0, 1, 1], dtype=torch.float64)) == (0, 0)
