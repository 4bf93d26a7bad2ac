"""`Isotonic` against scikit-learn, a slow pool-adjacent-violators loop, and values worked by hand."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.calibration import Isotonic
from torchheads.calibration.isotonic import fit_curve, interpolated


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
    frozen = FrozenEstimator(Given().fit(inputs, target))
    return CalibratedClassifierCV(frozen, method="isotonic", ensemble=False).fit(inputs, target)


def pooled(scores, outcome):
    """Isotonic regression of (score, outcome) pairs, one score at a time; the value of each pair."""
    blocks = []
    for score in sorted(set(scores)):
        here = [y for s, y in zip(scores, outcome, strict=True) if s == score]
        blocks.append([sum(here), len(here), [score]])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, count, inside = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + count, blocks[-1][2] + inside]
    value = {score: total / count for total, count, inside in blocks for score in inside}
    return [value[score] for score in scores]


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=40))
def test_the_curve_is_the_loop_clipped(pairs):
    scores, outcome = [float(s) for s, _ in pairs], [float(y) for _, y in pairs]
    curve = fit_curve(torch.tensor(scores, dtype=torch.float64), torch.tensor(outcome, dtype=torch.float64))
    least = 1 / (2 * len(pairs))
    parts = [*(row.unsqueeze(0) for row in curve), torch.tensor([least], dtype=torch.float64)]
    found = interpolated(torch.tensor(scores, dtype=torch.float64).unsqueeze(1), *parts)
    expected = [min(max(value, least), 1 - least) for value in pooled(scores, outcome)]
    assert found.sigmoid().flatten().tolist() == pytest.approx(expected, abs=1e-9)


def rows(classes, count=400):
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(count, classes, generator=random) * 2
    return 2.5 * logits, torch.multinomial(logits.softmax(dim=1), 1, generator=random)[:, 0]


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_softmax_is_scikit_learns_one_against_the_rest(classes):
    """Rows where no curve is clipped agree as they are; elsewhere its curves agree once clipped and renormalised."""
    logits, target = rows(classes)
    head = SoftmaxHead(4, classes, calibrator=Isotonic())
    head.fit_held_out(logits, target)
    fresh = torch.randn(300, classes) * 6  # beyond the knots too
    scores = SoftmaxHead(4, classes).scores(logits).double().numpy()
    fresh_scores = SoftmaxHead(4, classes).scores(fresh).double().numpy()
    inputs, fresh_inputs = (each[:, 1:] if classes == 2 else each for each in (scores, fresh_scores))
    model = scikit_learn(inputs, target.numpy())
    said, least = head.probabilities(fresh).double(), 1 / (2 * len(logits))
    curves = model.calibrated_classifiers_[0].calibrators
    raw = np.stack([curve.predict(column) for curve, column in zip(curves, fresh_inputs.T, strict=True)], axis=1)
    raw = np.concatenate([1 - raw, raw], axis=1) if classes == 2 else raw
    clipped = raw.clip(least, 1 - least)
    np.testing.assert_allclose(said, clipped / clipped.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6)
    untouched = (raw == clipped).all(axis=1)
    assert untouched.sum() > 10
    np.testing.assert_allclose(said[untouched], model.predict_proba(fresh_inputs)[untouched], rtol=1e-4, atol=1e-6)


def test_sigmoid_is_scikit_learns_class_by_class():
    logits = torch.randn(300, 3) * 3
    target = torch.rand(300, 3) < (logits / 2 - 1).sigmoid()
    head = SigmoidHead(4, 3, calibrator=Isotonic())
    head.fit_held_out(logits, target.long())
    fresh, least = torch.randn(200, 3) * 6, 1 / 600
    for c in range(3):
        model = scikit_learn(logits[:, [c]].double().numpy(), target[:, c].long().numpy())
        expected = model.predict_proba(fresh[:, [c]].double().numpy())[:, 1].clip(least, 1 - least)
        np.testing.assert_allclose(head.probabilities(fresh)[:, c], expected, rtol=1e-4, atol=1e-6)


def test_by_hand():
    """0, 1, 0, 1 in this order: the middle pair pools to 1/2; the ends are clipped to 1/8 and 7/8 (n = 4).

    Between -1 and 1 flat; half way from 1 (1/2) to 2 (1, clipped there): 3/4. Log-odds: -ln 7, 0, ln 3, ln 7.
    """
    head = SigmoidHead(4, 1, calibrator=Isotonic())
    head.fit_held_out(torch.tensor([[-2.0], [-1.0], [1.0], [2.0]]), torch.tensor([[0], [1], [0], [1]]))
    found = head.scores(torch.tensor([[-9.0], [-2.0], [-1.0], [0.0], [1.0], [1.5], [2.0], [9.0]])).flatten()
    expected = [-math.log(7), -math.log(7), 0, 0, 0, math.log(3), math.log(7), math.log(7)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_every_probability_is_within_half_a_row_of_0_and_1():
    logits, target = rows(3)
    sets = torch.nn.functional.one_hot(target, 3)
    mask = torch.ones(400, 3, dtype=torch.bool)
    mask[:300, 1] = False  # 100 rows of class 1: its own n
    head = SigmoidHead(4, 3, calibrator=Isotonic())
    head.calibrator.fit(logits, sets.bool(), mask)
    said = head.probabilities(torch.linspace(-50, 50, 101).unsqueeze(1).expand(101, 3))
    torch.testing.assert_close(said[0], torch.tensor([1 / 800, 1 / 200, 1 / 800]))
    assert (said.diff(dim=0) >= 0).all()
    assert (said[-1] <= 1 - torch.tensor([1 / 800, 1 / 200, 1 / 800]) + 1e-6).all()


def test_next_to_one_nothing_is_rounded_away():
    """A million rows: 1 - 5e-7 has no float32 of its own, its log-odds have."""
    count = 1_000_000
    scores = torch.arange(count, dtype=torch.float64) / count
    curve = fit_curve(scores, (scores >= 0.5).double())
    parts = [*(row.float().unsqueeze(0) for row in curve), torch.tensor([1 / (2 * count)])]
    top = interpolated(torch.tensor([[2.0]]), *parts)
    assert top.item() == pytest.approx(math.log(2 * count - 1), rel=1e-6)


def test_equal_scores_stay_equal_and_order_turns_into_ties_at_most():
    logits, target = rows(3)
    head = SigmoidHead(4, 3, label_type="single", calibrator=Isotonic())
    head.fit_held_out(logits, target)
    for c in range(3):
        order = logits[:, c].argsort()
        assert (head.scores(logits)[order, c].diff() >= 0).all()
        assert len(head.scores(logits)[:, c].unique()) < 100


def test_scores_that_tell_nothing_become_the_share():
    """Falling scores pool into one step; 3 of 6 are right."""
    head = SigmoidHead(4, 1, calibrator=Isotonic())
    logits = torch.arange(6.0).unsqueeze(1)
    head.fit_held_out(logits, torch.tensor([[1], [1], [1], [0], [0], [0]]))
    torch.testing.assert_close(head.probabilities(logits), torch.full((6, 1), 0.5))


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_huge_logits(head_class):
    head = head_class(4, 2, label_type="single", calibrator=Isotonic())
    logits = torch.tensor([[3e38, -3e38], [-3e38, 3e38], [1.0, 0.0], [0.0, 1.0], [1e30, 0.0], [2.0, 0.0]])
    head.fit_held_out(logits, torch.tensor([0, 1, 1, 0, 0, 1]))
    assert head.probabilities(logits).isfinite().all()
    assert head.probabilities(torch.randn(20, 2) * 5e37).isfinite().all()


def test_curves_of_different_length_are_padded():
    logits, target = torch.randn(50, 2), torch.rand(50, 2) < 0.5
    target[:, 1] = logits[:, 1] > 0
    head = SigmoidHead(4, 2, calibrator=Isotonic())
    head.calibrator.fit(logits, target)
    assert head.calibrator.knots.shape == head.calibrator.chance.shape == head.calibrator.complement.shape
    assert (head.calibrator.knots.diff(dim=1) >= 0).all()
    alone = SigmoidHead(4, 1, calibrator=Isotonic())
    alone.calibrator.fit(logits[:, 1:], target[:, 1:])
    fresh = torch.randn(30, 2) * 2
    torch.testing.assert_close(head.scores(fresh)[:, 1:], alone.scores(fresh[:, 1:]))


def test_a_class_never_seen_keeps_its_log_odds():
    logits, target = rows(3)
    logits = torch.cat([logits, torch.randn(400, 1) - 4], dim=1)
    head, plain = SoftmaxHead(4, 4, calibrator=Isotonic()), SoftmaxHead(4, 4)
    head.fit_held_out(logits, target)
    assert head.calibrator.kept_identity == (3,)
    own = head.calibrator
    curves = interpolated(plain.scores(logits), own.knots, own.chance, own.complement, own.least)
    expected = torch.cat([curves.sigmoid()[:, :3], plain.probabilities(logits)[:, 3:]], dim=1)
    torch.testing.assert_close(head.probabilities(logits), expected / expected.sum(dim=1, keepdim=True))
