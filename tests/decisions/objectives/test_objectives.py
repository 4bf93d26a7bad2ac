"""What a fitted threshold may aim at: values by hand, the literal definition, scikit-learn, and what is refused."""

import math

import pytest
import sklearn.metrics
import torch
from hypothesis import assume, given
from judged import judged

from torchheads.decisions import ExactMatch, ExpectedCost, FBeta, PrecisionAtRecall, RecallAtPrecision
from torchheads.decisions.objectives.base import HeldOutScores
from torchheads.errors import HeadConfigError

# one class: 4 (yes), 3 (no), 2 (yes), 1 (no), 0 (yes)
SCORES = torch.tensor([[4.0], [3.0], [2.0], [1.0], [0.0]])
SETS = torch.tensor([[True], [False], [True], [False], [True]])
ROWS = HeldOutScores(SCORES, SETS)


@pytest.mark.parametrize(
    ("objective", "cut"),
    [
        (FBeta(), 0.0),  # after k: .5, .4, .667, .571, .75
        (FBeta(beta=0.1), 3.5),  # precision nearly alone: the first is right
        (FBeta(beta=2.0), 0.0),  # 5 TP / (k + 12): 5/13, 5/14, 10/15, 10/16, 15/17
        (PrecisionAtRecall(0.3), 3.5),  # one of three found: .333 >= .3, precision 1
        (PrecisionAtRecall(0.6), 1.5),  # two found at k = 3: precision .667
        (PrecisionAtRecall(1.0), 0.0),
        (RecallAtPrecision(0.6), 0.0),  # 3 of 5 are right: precision .6 exactly
        (RecallAtPrecision(0.65), 1.5),  # 2 of 3
        (RecallAtPrecision(0.9), 3.5),
        (ExpectedCost(1.0, 1.0), 3.5),  # costs 3 - 1, 3, 2, 3, 2 after k; 3 for none: 2 wins first
        (ExpectedCost(1.0, 3.0), 0.0),  # 9 for none; 6, 7, 4, 5, 2
        (ExactMatch(), 3.5),  # right rows: 2 + 1, 2, 3, 2, 3 of 5; 2 for none
    ],
)
def test_one_class_by_hand(objective, cut):
    assert objective.shared_cut(ROWS) == cut
    assert objective.class_cuts(ROWS, cut).tolist() == [cut]


def test_samples_f1_by_hand():
    # rows {0, 1} with scores 2, 0 and {} with 1, -1. One cut for both: above 1.5 F1 is (2/3 + 1)/2, at 0 (1 + 0)/2
    scores, target = torch.tensor([[2.0, 0.0], [1.0, -1.0]]), torch.tensor([[True, True], [False, False]])
    objective, rows = FBeta(average="samples"), HeldOutScores(scores, target)
    assert objective.shared_cut(rows) == 1.5
    assert objective.class_cuts(rows, 1.5).tolist() == [1.5, -0.5]  # each its own: (1 + 1)/2


def test_what_cannot_be_reached_is_not_predicted():
    rows = HeldOutScores(SCORES, torch.tensor([[False], [True], [False], [False], [False]]))
    cut = RecallAtPrecision(0.9).class_cuts(rows, 0.0)
    assert (cut > SCORES).all()


@given(case=judged(least_rows=2))
def test_levels_are_kept(case):
    scores, target, known = case
    positives = target if known is None else target & known
    assume(positives.any(dim=0).all())
    rows = HeldOutScores(scores, target, known)
    chosen = scores >= PrecisionAtRecall(0.7).class_cuts(rows, 0.0).float()
    assert ((chosen & positives).sum(dim=0) >= 0.7 * positives.sum(dim=0) - 1e-9).all()
    chosen = scores >= RecallAtPrecision(0.7).class_cuts(rows, 0.0).float()
    chosen = chosen if known is None else chosen & known
    assert ((chosen & positives).sum(dim=0) >= 0.7 * chosen.sum(dim=0) - 1e-9).all()


@given(case=judged())
def test_costs_are_the_literal_sum(case):
    scores, target, known = case
    wrong, missed = [1.0, 2.0, 0.5, 3.0][: scores.shape[1]], 1.5
    objective = ExpectedCost(wrong, missed)

    def cost(cuts):
        total = 0.0
        for i in range(len(scores)):
            for c in range(scores.shape[1]):
                if known is None or known[i, c]:
                    chosen = bool(scores[i, c] >= cuts[c])
                    total += wrong[c] * (chosen and not target[i, c]) + missed * (not chosen and bool(target[i, c]))
        return total

    rows = HeldOutScores(scores, target, known)
    cuts = objective.class_cuts(rows, 0.0).float()
    for c in range(scores.shape[1]):
        for cut in [math.inf, *scores[:, c].tolist()]:
            other = cuts.clone()
            other[c] = cut
            assert cost(other) >= cost(cuts) - 1e-9
    shared = objective.shared_cut(rows)
    every = [cost([cut] * scores.shape[1]) for cut in [math.inf, *scores.flatten().tolist()]]
    assert cost([shared] * scores.shape[1]) == pytest.approx(min(every))


def test_calibrated_scores_are_taken_at_their_word():
    cuts = ExpectedCost([1.0, 1.0], 3.0).calibrated_cuts(2)
    assert cuts.sigmoid().tolist() == pytest.approx([0.25, 0.25])
    assert FBeta().calibrated_cuts(2) is None


def test_macro_leaves_out_classes_without_positives():
    scores = torch.tensor([[1.0, 9.0], [0.0, 8.0]])
    assert FBeta().shared_cut(HeldOutScores(scores, torch.tensor([[True, False], [False, False]]))) == 0.5


def test_scikit_learn_agrees_on_f_beta():
    scores, target = torch.randn(80, 3), torch.rand(80, 3) < 0.4
    rows = HeldOutScores(scores, target)
    for average in ("macro", "micro", "samples"):
        objective = FBeta(beta=2.0, average=average)

        def score(cut, average=average):
            options = {"average": average, "beta": 2.0, "zero_division": 1.0}
            return sklearn.metrics.fbeta_score(target, scores >= cut, **options)

        reached = score(objective.shared_cut(rows))
        assert reached >= max(map(score, scores.flatten().tolist())) - 1e-9
        assert score(objective.class_cuts(rows, objective.shared_cut(rows)).float()) >= reached - 1e-9


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: FBeta(0), r"beta=0; allowed a number above 0\. Try: beta=1\.0"),
        (lambda: FBeta(math.inf), "beta=inf"),
        (lambda: FBeta(True), "beta=True"),
        (lambda: FBeta(average="weighted"), r"average='weighted'; allowed 'macro', 'micro', 'samples'"),
        (lambda: PrecisionAtRecall(0), r"recall=0; allowed a number above 0 and up to 1\. Try: recall=0\.9"),
        (lambda: RecallAtPrecision(1.1), r"precision=1\.1"),
        (lambda: ExpectedCost(0.0), r"cost_false_positive=0\.0; allowed a number above 0, or one a class"),
        (lambda: ExpectedCost(1.0, [1.0, math.nan]), "cost_false_negative="),
        (lambda: ExpectedCost("high"), "cost_false_positive='high'"),
        (lambda: ExpectedCost([]), r"cost_false_positive=\[\]"),
    ],
)
def test_impossible_objectives(make, text):
    with pytest.raises(HeadConfigError, match=f"TH-H03: {text}"):
        make()


def test_costs_fit_the_classes():
    assert ExpectedCost(1.0, [1.0, 2.0]).fits(2)
    assert not ExpectedCost(1.0, [1.0, 2.0]).fits(3)
    assert FBeta().fits(3)


@pytest.mark.parametrize(
    "objective",
    [FBeta(2.0, "micro"), ExactMatch(), PrecisionAtRecall(0.5), RecallAtPrecision(0.5), ExpectedCost(1.0, [2.0, 3.0])],
)
def test_the_repr_is_the_constructor(objective):
    again = eval(repr(objective))
    assert repr(again) == repr(objective)


def test_a_cut_that_nothing_reaches_is_endless():
    rows = HeldOutScores(SCORES, torch.tensor([[False], [True], [False], [False], [False]]))
    objective = RecallAtPrecision(0.9)
    assert objective.shared_cut(rows) == math.inf
    assert objective.class_cuts(rows, 0.0).tolist() == [math.inf]
    known = torch.tensor([[False], [True], [True], [True], [True]])
    rows = HeldOutScores(SCORES, SETS, known)  # of what is known, the highest is wrong
    assert objective.shared_cut(rows) == math.inf
    assert objective.class_cuts(rows, 0.0).tolist() == [math.inf]
