"""`FittedThreshold`: what its options are worth, where their bounds lie, and what it counts before it shrinks a cut."""

import math

import pytest
import torch

from torchheads.decisions import ExactMatch, ExpectedCost, FBeta, FittedThreshold
from torchheads.decisions.fitted_threshold import positives_of
from torchheads.decisions.objectives.base import HeldOutScores
from torchheads.errors import HeadConfigError

SCORES = torch.tensor([[4.0, 3.0, 2.0], [1.0, 0.0, -1.0]])
SETS = torch.tensor([[True, False, True], [False, False, False]])


def bound(num_classes=3, **options):
    rule = FittedThreshold(**options)
    rule.bind(num_classes)
    return rule


def test_a_rule_built_without_arguments():
    rule = FittedThreshold()
    assert repr(rule.objective) == "FBeta(beta=1, average='macro')"
    assert (rule.scope, rule.shrinkage, rule.fitted_on, rule.folds) == ("shrunk", 20.0, "holdout", 5)
    assert (rule.min_labels, rule.max_labels) == (0, None)


def test_before_it_is_bound_its_state_has_room_for_no_class():
    shapes = {name: (tuple(value.shape), value.dtype) for name, value in FittedThreshold().state_dict().items()}
    assert shapes == {
        "cut": ((0,), torch.float32),
        "kept_shared": ((0,), torch.bool),
        "is_fitted": ((), torch.bool),
        "kind": ((), torch.int64),
    }


def test_a_state_that_learned_nothing_is_taken_as_a_whole():
    rule = bound()
    rule.fit(SCORES, SETS)
    rule.load_state_dict(bound().state_dict())
    assert not rule.fitted
    assert rule.cut.tolist() == [0, 0, 0]
    assert rule.kept_shared.tolist() == [False, False, False]


# Where the bounds of options lie --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"folds": 2},
        {"shrinkage": 0},
        {"min_labels": 0, "max_labels": 1},
        {"min_labels": 2, "max_labels": 2},
        {"min_labels": 3, "max_labels": 3},  # as many as there are classes
    ],
)
def test_the_last_value_that_is_allowed(options):
    rule = bound(**options)
    assert {name: getattr(rule, name) for name in options} == options


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: FittedThreshold(shrinkage=math.inf),
            "TH-H03: shrinkage=inf; allowed a number from 0. Try: decision.shrinkage=20.0",
        ),
        (lambda: FittedThreshold(folds=1), "TH-H03: folds=1; allowed a whole number from 2. Try: decision.folds=5"),
        (lambda: bound(min_labels=4), "TH-H03: min_labels=4 for 3 classes. Try: min_labels=3"),
        (lambda: bound(max_labels=4), "TH-H03: max_labels=4 for 3 classes. Try: max_labels=3"),
        (
            lambda: bound(objective=ExpectedCost([1.0, 2.0])),
            "TH-H03: ExpectedCost(cost_false_positive=[1.0, 2.0], cost_false_negative=1.0) for a head of 3 classes; "
            "allowed one number, or one a class. Try: 3 numbers, or one",
        ),
    ],
)
def test_the_whole_text_beyond_it(make, text):
    with pytest.raises(HeadConfigError) as caught:
        make()
    assert str(caught.value) == text


def test_costs_of_as_many_classes_are_taken():
    # calibrated cuts are ln of the ratio of costs: p = 1/2, 2/3 and 3/4
    rule = bound(objective=ExpectedCost([1.0, 2.0, 3.0]))
    rule.fit(SCORES, SETS, calibrated=True)
    assert rule.cut.sigmoid().tolist() == pytest.approx([1 / 2, 2 / 3, 3 / 4])


def test_the_largest_number_of_labels_alone():
    rule = bound(max_labels=2)
    rule.fit(SCORES, SETS)
    rule.cut = torch.tensor([0.0, 1.0, 2.0])
    # margins: 3, 3 and 1, of which two are kept; none of the second row, which may be empty
    sets = rule(torch.tensor([[3.0, 4.0, 3.0], [-1.0, 0.0, 1.0]]))
    assert sets.tolist() == [[True, True, False], [False, False, False]]


@pytest.mark.parametrize("make", [ExactMatch, lambda: FBeta(average="samples")])
@pytest.mark.parametrize("scope", ["per_class", "shrunk"])
def test_sets_judged_as_a_whole_can_be_learned_from_one_row(make, scope):
    # scores 4, 3, 2 of which the first two are right: one cut between 3 and 2 is as good as it gets
    rule = bound(objective=make(), scope=scope, shrinkage=0.0)
    rule.fit(SCORES[:1], torch.tensor([[True, True, False]]))
    assert rule.cut.tolist() == [2.5, 2.5, 2.5]


# What is counted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [8191, 8192, 8193, 20_000])  # 8192 are counted at once
@pytest.mark.parametrize("masked", [False, True])
def test_positives_and_classes_without_a_negative_are_counted_one_by_one(rows, masked):
    random = torch.Generator().manual_seed(0)
    target = torch.rand(rows, 4, generator=random) < torch.tensor([0.3, 2.0, 2.0, 0.0])
    known = torch.rand(rows, 4, generator=random) < 0.7
    target[-1, 1], known[-1, 1] = False, True  # the only negative of class 1 is in the last row
    target[0, 2], known[0, 2] = False, False  # that of class 2 is not known
    positives, all_right = positives_of(HeldOutScores(torch.zeros(rows, 4), target, known if masked else None))
    assert positives.dtype == torch.float64
    for c in range(4):
        labels = [bool(target[i, c]) for i in range(rows) if known[i, c] or not masked]
        assert positives[c] == sum(labels)
        assert all_right[c] == all(labels)


def test_a_cut_is_shrunk_by_the_positives_of_all_rows():
    # 9000 rows of one class, the upper third of them positive: every objective is happy with the cut between 6000 and
    # 5999, which is moved towards 0 by 1000/(3000 + 1000), twice
    scores = torch.arange(9000.0)[:, None]
    rule = bound(1, shrinkage=1000.0)
    rule.fit(scores, scores >= 6000)
    assert rule.cut.item() == pytest.approx(0.75 * 5999.5 + 0.25 * 0.75 * 5999.5)
