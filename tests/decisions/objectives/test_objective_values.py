"""What objectives are worth by hand, what they are built with, which rows they look at, and what they are best at."""

import itertools
import math

import pytest
import sklearn.metrics
import torch

from torchheads.decisions import ExactMatch, ExpectedCost, FBeta, PrecisionAtRecall, RecallAtPrecision
from torchheads.decisions.functional.curves import Counts
from torchheads.decisions.objectives.base import HeldOutScores
from torchheads.errors import HeadConfigError

INF = math.inf


def counts(hits, taken, positives):
    return Counts(*(torch.tensor([[float(number)]], dtype=torch.float64) for number in (hits, taken, positives)))


# Values and options ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "numbers", "value"),
    [
        (lambda: FBeta().value, (2, 3, 4), 4 / 7),  # 2 TP / (taken + P)
        (lambda: FBeta(beta=2.0).value, (1, 2, 2), 0.5),  # 5 * 1 / (2 + 4 * 2)
        (lambda: FBeta(beta=3.0).value, (1, 2, 2), 0.5),  # 10 * 1 / (2 + 9 * 2)
        (lambda: FBeta().value, (0, 0, 0), 1.0),
        (lambda: FBeta().class_value, (0, 0, 0), 0.0),
        (lambda: FBeta().class_value, (0, 3, 0), 0.0),
        (lambda: FBeta().class_value, (2, 3, 4), 4 / 7),
        (lambda: ExactMatch().value, (2, 2, 2), 1.0),
        (lambda: ExactMatch().value, (2, 3, 2), 0.0),
        (lambda: ExactMatch().value, (1, 1, 2), 0.0),
        (lambda: ExpectedCost().value, (2, 5, 4), -5.0),  # three wrong, two missed
        (lambda: ExpectedCost(2.0, 3.0).value, (2, 5, 4), -12.0),
        (lambda: PrecisionAtRecall(0.5).value, (2, 5, 4), 2 / 5),
        (lambda: PrecisionAtRecall(0.51).value, (2, 5, 4), -INF),
        (lambda: PrecisionAtRecall(0.9).value, (9, 9, 10), 1.0),
        (lambda: PrecisionAtRecall(0.5).value, (0, 0, 0), -INF),  # nothing taken has no precision
        (lambda: RecallAtPrecision(0.4).value, (2, 5, 4), 2 / 4),
        (lambda: RecallAtPrecision(0.41).value, (2, 5, 4), -INF),
        (lambda: RecallAtPrecision(0.9).value, (1, 1, 1), 1.0),
        (lambda: RecallAtPrecision(0.9).value, (0, 0, 0), 0.0),
    ],
)
def test_values_by_hand(make, numbers, value):
    assert make()(counts(*numbers)).item() == pytest.approx(value)


def test_objectives_built_without_arguments():
    assert (FBeta().beta, FBeta().average) == (1.0, "macro")
    assert repr(PrecisionAtRecall()) == "PrecisionAtRecall(recall=0.9)"
    assert repr(RecallAtPrecision()) == "RecallAtPrecision(precision=0.9)"
    assert repr(ExpectedCost()) == "ExpectedCost(cost_false_positive=1.0, cost_false_negative=1.0)"


def test_repr_of_costs_of_each_class():
    names = "ExpectedCost(cost_false_positive={}, cost_false_negative={})"
    assert repr(ExpectedCost(2.0, [1.0, 3.0])) == names.format("2.0", "[1.0, 3.0]")
    assert repr(ExpectedCost([2.0, 4.0], 3)) == names.format("[2.0, 4.0]", "3.0")


def test_a_share_of_all_is_allowed():
    assert PrecisionAtRecall(1).recall == 1.0
    assert RecallAtPrecision(1.0).precision == 1.0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: PrecisionAtRecall(True), "recall=True; allowed a number above 0 and up to 1. Try: recall=0.9"),
        (
            lambda: RecallAtPrecision("0.9"),
            "precision='0.9'; allowed a number above 0 and up to 1. Try: precision=0.9",
        ),
        (
            lambda: ExpectedCost(1.0, -1.0),
            "cost_false_negative=-1.0; allowed a number above 0, or one a class. Try: cost_false_negative=1.0",
        ),
        (
            lambda: ExpectedCost("high"),
            "cost_false_positive='high'; allowed a number above 0, or one a class. Try: cost_false_positive=1.0",
        ),
        (
            lambda: FBeta(average="weighted"),
            "average='weighted'; allowed 'macro', 'micro', 'samples'. Try: average=macro",
        ),
    ],
)
def test_the_whole_text_of_refusals(make, text):
    with pytest.raises(HeadConfigError) as caught:
        make()
    assert str(caught.value) == f"TH-H03: {text}"


def test_one_score_that_is_right_is_taken():
    # the cut is that score itself, which reaches it
    rows = HeldOutScores(torch.full((3, 2), 0.25), torch.ones(3, 2, dtype=torch.bool))
    assert RecallAtPrecision(0.9).shared_cut(rows) == 0.25


# Which rows are looked at ---------------------------------------------------------------------------------------------

OBJECTIVES = {
    "macro": FBeta,
    "micro": lambda: FBeta(average="micro"),
    "samples": lambda: FBeta(average="samples"),
    "exact": ExactMatch,
    "cost": lambda: ExpectedCost([1.0, 2.0, 3.0], 2.0),
    "precision": lambda: PrecisionAtRecall(0.7),
    "recall": lambda: RecallAtPrecision(0.7),
}


def held_out(m=150, seed=0):
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(m, 3, generator=random)
    target = torch.rand(m, 3, generator=random) < (2 * scores - torch.tensor([-0.5, 0.5, 2.0])).sigmoid()
    return HeldOutScores(scores, target, torch.rand(m, 3, generator=random) < 0.7)


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_what_is_not_known_moves_no_cut(make):
    objective, rows = make(), held_out()
    other = rows._replace(
        scores=rows.scores.where(rows.known, 3 * torch.randn(rows.scores.shape)), target=rows.target ^ ~rows.known
    )
    shared = objective.shared_cut(rows)
    assert objective.shared_cut(other) == shared
    assert torch.equal(objective.class_cuts(other, shared), objective.class_cuts(rows, shared))
    together, own = objective.both(rows)
    assert objective.both(other)[0] == together
    assert torch.equal(objective.both(other)[1], own)


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES.keys())
@pytest.mark.parametrize("masked", [False, True])
def test_both_cuts_are_those_found_alone(make, masked):
    objective, rows = make(), held_out()
    rows = rows if masked else rows._replace(known=None)
    shared, own = objective.both(rows)
    assert shared == objective.shared_cut(rows)
    assert torch.equal(own, objective.class_cuts(rows, shared))


# What each average is best at -----------------------------------------------------------------------------------------


def f2(rows, cuts, average):
    options = {"average": average, "beta": 2.0, "zero_division": 1.0}
    return sklearn.metrics.fbeta_score(rows.target, rows.scores >= cuts, **options)


def all_cuts(rows, c):
    return [INF, *rows.scores[:, c].tolist()]


@pytest.mark.parametrize("average", ["macro", "micro", "samples"])
@pytest.mark.parametrize("seed", range(2))
def test_no_shared_cut_has_a_better_f_of_scikit_learns(average, seed):
    rows = held_out(40, seed)._replace(known=None)
    reached = f2(rows, FBeta(2.0, average).shared_cut(rows), average)
    assert reached == pytest.approx(max(f2(rows, cut, average) for cut in [INF, *rows.scores.flatten().tolist()]))


@pytest.mark.parametrize("seed", range(2))
def test_no_cuts_of_classes_have_a_better_f_of_scikit_learns(seed):
    rows = held_out(14, seed)
    rows = HeldOutScores(rows.scores[:, :2], rows.target[:, :2])
    combinations = [torch.tensor(cuts) for cuts in itertools.product(all_cuts(rows, 0), all_cuts(rows, 1))]
    for average in ("macro", "micro"):
        reached = f2(rows, FBeta(2.0, average).class_cuts(rows, 0.0).float(), average)
        assert reached == pytest.approx(max(f2(rows, cuts, average) for cuts in combinations))


@pytest.mark.parametrize("seed", range(2))
def test_no_change_of_one_cut_betters_the_f_of_rows(seed):
    rows = held_out(40, seed)._replace(known=None)
    cuts = FBeta(2.0, "samples").class_cuts(rows, 0.0).float()
    reached = f2(rows, cuts, "samples")
    for c in range(3):
        for cut in all_cuts(rows, c):
            changed = cuts.clone()
            changed[c] = cut
            assert f2(rows, changed, "samples") <= reached + 1e-9
