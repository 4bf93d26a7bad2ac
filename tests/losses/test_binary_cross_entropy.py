"""`BinaryCrossEntropy`: the pure function summed over classes, dropped rows and entries, and its constant logits."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from torch import nn

from torchheads.errors import HeadConfigError
from torchheads.losses import BinaryCrossEntropy
from torchheads.losses.functional import binary_cross_entropy

LOGITS = torch.linspace(-3, 3, 12).view(4, 3)
SETS = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])


def test_options_reach_the_function():
    weight, pos_weight = [1.0, 2.0, 0.5], [3.0, 1.0, 0.1]
    loss = BinaryCrossEntropy(weight, pos_weight, 0.1)(LOGITS, SETS)
    expected = binary_cross_entropy(LOGITS, SETS, torch.tensor(weight), torch.tensor(pos_weight), 0.1)
    torch.testing.assert_close(loss, expected.sum(dim=1))


@pytest.mark.parametrize("pos_weight", [None, [3.0, 1.0, 0.1]])
def test_mean_is_torchs_scale(pos_weight):
    tensor = None if pos_weight is None else torch.tensor(pos_weight)
    theirs = nn.BCEWithLogitsLoss(pos_weight=tensor)(LOGITS, SETS)
    ours = BinaryCrossEntropy(pos_weight=pos_weight, class_reduction="mean")(LOGITS, SETS).mean()
    torch.testing.assert_close(ours, theirs)
    summed = BinaryCrossEntropy(pos_weight=pos_weight)(LOGITS, SETS).mean()
    torch.testing.assert_close(summed, 3 * theirs)  # C times as large


def test_dropped_rows_and_entries():
    criterion = BinaryCrossEntropy([1.0, 2.0, 3.0], label_smoothing=0.1)
    rows = torch.tensor([True, False, True, False])
    loss = criterion(LOGITS, SETS, rows)
    assert loss[~rows].tolist() == [0, 0]
    torch.testing.assert_close(loss[rows], criterion(LOGITS[rows], SETS[rows]))
    entries = torch.tensor([True, False, True]).expand(4, 3)  # class 1 is unknown everywhere: as if it were not there
    without = BinaryCrossEntropy([1.0, 3.0], label_smoothing=0.1)(LOGITS[:, ::2], SETS[:, ::2])
    torch.testing.assert_close(criterion(LOGITS, SETS, entries), without)


@pytest.mark.parametrize("known", [torch.tensor([True, False]), torch.tensor([[True, True], [False, False]])])
def test_a_dropped_row_may_hold_anything(known):
    logits = torch.tensor([[0.0, 1.0], [math.nan, math.inf]], requires_grad=True)
    loss = BinaryCrossEntropy()(logits, torch.zeros(2, 2), known)
    assert loss[1] == 0
    loss.sum().backward()
    assert logits.grad[1].tolist() == [0, 0]


def test_a_dropped_entry_pulls_nowhere():
    logits = LOGITS.clone().requires_grad_()
    known = torch.rand(4, 3) < 0.5
    BinaryCrossEntropy()(logits, SETS, known).sum().backward()
    assert not logits.grad[~known].any()
    torch.testing.assert_close(logits.grad[known], (LOGITS.sigmoid() - SETS)[known])


@pytest.mark.parametrize(
    ("bad", "text"), [([1.0, 0.0], "holds 0; allowed > 0"), ([1.0, -1.0], "got -1"), ([[2.0]], "got shape")]
)
def test_bad_positive_weights(bad, text):
    with pytest.raises(HeadConfigError, match=f"TH-M08: pos_weight {text}"):
        BinaryCrossEntropy(pos_weight=bad)


def test_bad_reduction():
    with pytest.raises(HeadConfigError, match=r"TH-T13: class_reduction='none'; allowed 'sum', 'mean'. Try: class_red"):
        BinaryCrossEntropy(class_reduction="none")


def test_repr_shows_the_constructor():
    shown = repr(BinaryCrossEntropy(pos_weight=[1.0, 2.5], label_smoothing=0.1, class_reduction="mean"))
    assert "class_weight=None, pos_weight=[1.0, 2.5], label_smoothing=0.1, class_reduction='mean'" in shown


# The constant logits --------------------------------------------------------------------------------------------------


def test_constant_logits_by_hand():
    # p = 1/4 weighs 1 : 3 in odds, a positive weight of 3 makes it 1 : 1, whose logit is 0
    constant = BinaryCrossEntropy(pos_weight=[3.0, 1.0]).constant_logits(torch.tensor([0.25, 0.25]))
    torch.testing.assert_close(constant, torch.tensor([0.0, -math.log(3)]))
    # smoothing 0.5 moves 0 + to 1/4 and 1/4 to 3/8: odds 3 : 5
    constant = BinaryCrossEntropy(label_smoothing=0.5).constant_logits(torch.tensor([0.25]))
    torch.testing.assert_close(constant, torch.tensor([math.log(3 / 5)]))


@settings(max_examples=20)  # each is a small optimisation
@given(
    st.integers(0, 10**6),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.1, 0.6]),
    st.sampled_from(["sum", "mean"]),
)
def test_constant_logits_minimise_the_expected_loss(seed, weighted, positive, smoothing, reduction):
    generator = np.random.default_rng(seed)
    prior = generator.uniform(0.05, 0.95, 3)
    criterion = BinaryCrossEntropy(
        generator.uniform(0.2, 5, 3) if weighted else None,
        generator.uniform(0.2, 5, 3) if positive else None,
        smoothing,
        reduction,
    )
    sets = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)  # all that may happen
    chance = (sets * torch.from_numpy(prior) + (1 - sets) * (1 - torch.from_numpy(prior))).prod(dim=1)

    def value_and_slope(z):
        logits = torch.tensor(z, requires_grad=True)
        loss = (chance * criterion(logits.expand(8, 3), sets)).sum()
        return loss.item(), torch.autograd.grad(loss, logits)[0].numpy()

    best = scipy.optimize.minimize(value_and_slope, np.zeros(3), jac=True, tol=1e-10)
    constant = criterion.constant_logits(torch.from_numpy(prior))
    torch.testing.assert_close(constant, torch.from_numpy(best.x), atol=2e-4, rtol=0)
    assert value_and_slope(constant.numpy())[0] <= best.fun + 1e-9


def test_float64_logits_are_not_rounded_by_float32_weights():
    criterion = BinaryCrossEntropy([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert criterion(LOGITS.double(), SETS.double()).dtype == torch.float64


# The mean -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"class_weight": [1.0, 2.0, 4.0]}, {"pos_weight": [1.0, 2.0, 4.0]}, {"label_smoothing": 0.3}],
    ids=lambda options: "".join(options),
)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize(
    "known",
    [None, torch.tensor([True, False, True, True]), torch.eye(4, 3, dtype=torch.bool)],
    ids=["all", "rows", "entries"],
)
def test_the_mean_is_that_of_the_rows(options, reduction, known):
    criterion = BinaryCrossEntropy(**options, class_reduction=reduction)
    rows = criterion(LOGITS.exp(), SETS, known).tolist()
    mean = criterion.mean(LOGITS.exp(), SETS, known)
    assert mean.shape == ()
    assert mean.item() == pytest.approx(sum(rows) / (4 if known is None else 3))  # each mask knows three rows


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_mean_of_no_row_is_zero(reduction):
    assert BinaryCrossEntropy(class_reduction=reduction).mean(LOGITS[:0], SETS[:0]).item() == 0


def test_a_dropped_entry_that_is_not_finite_costs_nothing_and_pulls_nowhere():
    logits = torch.tensor([[0.0, math.nan, -math.inf]], requires_grad=True)
    known = torch.tensor([[True, False, False]])
    loss = BinaryCrossEntropy(label_smoothing=0.2)(logits, torch.zeros(1, 3), known)
    assert loss.item() == pytest.approx(math.log(2))
    loss.sum().backward()
    assert logits.grad[0, 1:].tolist() == [0, 0]
