"""`FittedThreshold`: it refuses before it is fitted, keeps what it learned, and forgets it with its head."""

import pytest
import torch

from torchheads import SoftmaxHead
from torchheads.decisions import ExpectedCost, FBeta, FittedThreshold, PrecisionAtRecall, RecallAtPrecision, Threshold
from torchheads.decisions.objectives import Objective
from torchheads.errors import FitError, HeadConfigError

SCORES = torch.tensor([[4.0, 3.0, 2.0], [1.0, 0.0, -1.0]])
SETS = torch.tensor([[True, False, True], [False, False, False]])  # best cut midway between 2 and 1


def bound(num_classes=3, **options):
    rule = FittedThreshold(**({"objective": FBeta(average="micro"), "scope": "global"} | options))
    rule.bind(num_classes)
    return rule


def fitted():
    rule = bound()
    rule.fit(SCORES, SETS)
    return rule


def test_unfitted_it_refuses():
    rule = bound()
    assert not rule.fitted
    with pytest.raises(FitError, match=r"TH-F01: the threshold was not fitted yet.*Try: head\.fit_held_out\(logits"):
        rule(SCORES)


@pytest.mark.parametrize("scores", [SCORES[:, :2], SCORES * float("inf"), SCORES + float("nan")])
def test_scores_that_it_cannot_be_fitted_on(scores):
    rule = bound()
    with pytest.raises(
        FitError, match=r"TH-F03: scores of shape \(2, \d\); allowed finite ones of shape \(n, 3\)\. Try: head"
    ):
        rule.fit(scores, SETS[:, : scores.shape[1]])
    assert not rule.fitted


@pytest.mark.parametrize("scores", [[[1.0, 2.0, 3.0]], None, SCORES[0], SCORES[:, :, None]])
def test_scores_that_are_none(scores):
    with pytest.raises(FitError, match=r"TH-F03: scores of (type \w+|shape .*); allowed finite ones"):
        bound().fit(scores, SETS)


@pytest.mark.parametrize("target", [[[True]], None, SETS[:1], SETS[:, :2], SETS[0]])
def test_targets_of_another_shape(target):
    with pytest.raises(FitError, match=r"TH-F03: a target of (type|shape) .*; allowed the same shape\. Try: fit\("):
        bound().fit(SCORES, target)


def test_without_a_positive_label_it_cannot_be_fitted():
    rule = bound()
    with pytest.raises(FitError, match=r"TH-F02: no positive label among 2 held-out examples.*Try: decision=threshold"):
        rule.fit(SCORES, torch.zeros_like(SETS))
    with pytest.raises(FitError, match="TH-F02: no held-out example to fit on"):
        rule.fit(SCORES[:0], SETS[:0])
    assert not rule.fitted


def test_the_cut_by_hand():
    rule = fitted()
    assert rule.fitted
    assert rule.cut.tolist() == [1.5, 1.5, 1.5]
    assert rule(torch.tensor([[1.5, 1.4, 9.0]])).tolist() == [[True, False, True]]


def test_fitting_again_forgets_the_first_time():
    rule = fitted()
    rule.fit(SCORES + 10, SETS)
    assert rule.cut.tolist() == [11.5, 11.5, 11.5]


def test_fitting_needs_no_gradient():
    rule = bound()
    rule.fit(SCORES.clone().requires_grad_(), SETS)
    assert not rule.cut.requires_grad


def test_round_trip():
    again = bound()
    again.load_state_dict(fitted().state_dict())
    assert again.fitted
    assert torch.equal(again.cut, fitted().cut)
    again.load_state_dict(bound().state_dict())  # a state that was not fitted is not fitted here either
    assert not again.fitted


def test_an_unfitted_rule_stays_unfitted_beside_a_threshold():
    threshold = Threshold(0.9)
    threshold.bind(3)
    rule = bound()
    rule.load_state_dict(threshold.state_dict())
    assert not rule.fitted


def test_numbers_of_a_threshold_are_not_what_was_fitted():
    # a cut named by hand is of another kind: either it is passed over, or the rule is no longer fitted
    threshold = Threshold(0.9)
    threshold.bind(3)
    rule = fitted()
    rule.load_state_dict(threshold.state_dict())
    assert not rule.fitted or torch.equal(rule.cut, fitted().cut)


def test_a_fitted_rule_never_decides_by_a_cut_it_did_not_learn():
    # handed to a head, and so bound again: either it keeps what it learned, or it refuses
    head = SoftmaxHead(4, 3, label_type="multi", decision=fitted())
    assert not head.decision.fitted or head.decision.cut.tolist() == [1.5, 1.5, 1.5]


@pytest.mark.parametrize("scores", [[0.1, 0.3], [0.1 - 1e-12, 0.1], [1e10, 1e10 + 1e-3], [-0.1 - 1e-12, -0.1]])
def test_the_lowest_score_taken_is_taken_in_float64_too(scores):
    # the cut is that score, and float32 may round it upwards
    scores, sets = torch.tensor([scores], dtype=torch.float64), torch.tensor([[True, True]])
    rule = bound(2)
    rule.fit(scores, sets)
    assert rule(scores).tolist() == [[True, True]]


def test_the_precision_of_the_default_dtype_does_not_matter():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        rule = bound(2)
    finally:
        torch.set_default_dtype(before)
    rule.fit(torch.tensor([[1.0009, 1.0]]), torch.tensor([[True, False]]))
    assert rule(torch.tensor([[1.0009, 1.0]])).tolist() == [[True, False]]


def test_repr_says_whether_it_is_fitted():
    options = "FBeta(beta=1, average='micro'), scope='global', fit='holdout'"
    assert repr(bound()) == f"FittedThreshold({options}, not fitted)"
    assert repr(fitted()) == f"FittedThreshold({options}, fitted, cut=1.5)"
    rule = bound(scope="per_class", objective=None)
    rule.fit(torch.tensor([[4.0, 3.0, 2.0], [1.0, 4.0, -1.0]]), SETS)
    assert repr(rule).endswith("scope='per_class', fit='holdout', fitted, cut=0.5 to 2.5)")


def test_no_row_to_decide():
    assert fitted()(SCORES[:0]).shape == (0, 3)


# The whole text of every refusal --------------------------------------------------------------------------------------

OTHER_SCORES = "allowed finite ones of shape (n, 3). Try: head.scores(logits) of a split that gives finite logits"
OTHER_TARGET = "for scores of shape (2, 3); allowed the same shape. Try: fit(scores, target.bool())"


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        (lambda: bound().fit(SCORES[:, :2], SETS[:, :2]), f"TH-F03: scores of shape (2, 2); {OTHER_SCORES}"),
        (lambda: bound().fit([1.0], SETS), f"TH-F03: scores of type list; {OTHER_SCORES}"),
        (lambda: bound().fit(SCORES, SETS[:1]), f"TH-F03: a target of shape (1, 3) {OTHER_TARGET}"),
        (lambda: bound().fit(SCORES, [True]), f"TH-F03: a target of type list {OTHER_TARGET}"),
        (
            lambda: bound().fit(SCORES, SETS & False),
            "TH-F02: no positive label among 2 held-out examples; a threshold cannot be fitted. "
            "Try: decision=threshold decision.value=0.5, or a larger calibration split",
        ),
        (
            lambda: bound()(SCORES),
            "TH-F01: the threshold was not fitted yet, so there is no decision. "
            "Try: head.fit_held_out(logits, target) on held-out data, torchheads calibrate checkpoint=... for a "
            "checkpoint, or Threshold(0.5)",
        ),
    ],
)
def test_the_whole_text(refused, text):
    with pytest.raises(FitError) as caught:
        refused()
    assert str(caught.value) == text


def test_bound_again_to_as_many_classes_it_keeps_its_cut_and_to_others_it_forgets():
    rule = fitted()
    rule.bind(3)
    assert rule.fitted
    assert rule.cut.tolist() == [1.5, 1.5, 1.5]
    rule.bind(2)
    assert not rule.fitted
    assert rule.cut.shape == (2,)


def test_an_empty_shell_is_not_fitted():
    rule = fitted().to("meta")
    assert rule.cut.is_meta
    assert not rule.fitted
    with torch.device("meta"):
        assert not FittedThreshold().fitted


def test_bound_to_no_head_it_has_no_class_and_nothing_learned():
    rule = FittedThreshold()
    assert not rule.fitted
    with pytest.raises(FitError, match=r"TH-F03: scores of shape \(2, 3\); allowed finite ones of shape \(n, 0\)"):
        rule.fit(SCORES, SETS)


def test_repr_of_one_class():
    rule = bound(1)
    rule.fit(SCORES[:, :1], SETS[:, :1])
    assert repr(rule).endswith("fitted, cut=2.5)")


# A cut of its own for each class --------------------------------------------------------------------------------------

MORE = torch.tensor([[4.0, 3.0, 2.0], [3.0, 2.0, 1.0], [2.0, 1.0, 0.0], [1.0, 0.0, -1.0]])
# own cuts: 2.5 (two positives), 0.5 (three), and none: all are positive
THEIRS = torch.tensor([[True, True, True], [True, True, True], [False, True, True], [False, False, True]])


def test_each_class_has_the_cut_that_is_best_for_it():
    rule = bound(objective=None, scope="per_class")
    rule.fit(MORE, THEIRS)
    assert rule.cut[:2].tolist() == [2.5, 0.5]


def test_a_class_without_a_choice_keeps_the_shared_cut_and_is_marked():
    shared = bound(objective=None)
    sets = torch.cat([THEIRS[:, 1:], torch.zeros(4, 1, dtype=torch.bool)], dim=1)
    shared.fit(MORE, sets)
    for scope, share in (("per_class", 1.0), ("shrunk", 7 / 27)):
        rule = bound(objective=None, scope=scope)
        rule.fit(MORE, sets)
        assert rule.kept_shared.tolist() == [False, True, True]
        torch.testing.assert_close(rule.cut[1:], share * shared.cut[1:])


def test_a_shrunk_cut_lies_between_by_the_number_of_positives():
    shared, own = bound(objective=None), bound(objective=None, scope="per_class")
    rule = bound(objective=None, scope="shrunk", shrinkage=3.0)
    for each in (shared, own, rule):
        each.fit(MORE, THEIRS)
    share = torch.tensor([2 / 5, 3 / 6])
    shrunk = shared.cut[0] * 9 / 12  # nine positives in all
    torch.testing.assert_close(rule.cut, torch.cat([share * own.cut[:2] + (1 - share) * shrunk, shrunk[None]]))
    for shrinkage, as_other in ((0.0, own.cut), (1e9, torch.zeros(3))):
        rule = bound(objective=None, scope="shrunk", shrinkage=shrinkage)
        rule.fit(MORE, THEIRS)
        torch.testing.assert_close(rule.cut, as_other, atol=1e-6, rtol=1e-6)


def test_what_is_not_known_counts_nowhere():
    known = torch.ones_like(THEIRS)
    known[1, 0] = known[3, 2] = False
    rule, other = bound(objective=None, scope="per_class"), bound(objective=None, scope="per_class")
    rule.fit(MORE, THEIRS, known)
    wrong = THEIRS.clone()
    wrong[~known] ^= True
    other.fit(MORE.masked_fill(~known, 77.0), wrong, known)
    assert torch.equal(rule.cut, other.cut)
    assert rule.cut[0] == 3.0  # between 4 and 2, the 3 of the second row not being known


def test_costs_of_calibrated_scores_need_no_rows():
    rule = bound(objective=ExpectedCost(1.0, 3.0), scope="per_class")
    rule.fit(MORE, THEIRS, calibrated=True)
    torch.testing.assert_close(rule.cut.sigmoid(), torch.full((3,), 0.25))
    assert not rule.kept_shared.any()
    other = bound(objective=ExpectedCost(1.0, 3.0), scope="per_class")
    other.fit(MORE, THEIRS)
    assert not torch.equal(rule.cut, other.cut)


def test_sets_have_no_fewer_and_no_more_labels_than_asked_for():
    rule = bound(min_labels=1, max_labels=2)
    rule.fit(MORE, THEIRS)
    rule.cut = torch.tensor([0.0, 1.0, 2.0])
    # margins: (-3, -1, -2): the second comes nearest; (3, 3, 1): two of three
    assert rule(torch.tensor([[-3.0, 0.0, 0.0], [3.0, 4.0, 3.0]])).tolist() == [
        [False, True, False],
        [True, True, False],
    ]


def test_the_marks_are_saved():
    rule, again = bound(scope="shrunk"), bound(scope="shrunk")
    rule.fit(MORE, THEIRS)
    again.load_state_dict(rule.state_dict())
    assert again.kept_shared.tolist() == rule.kept_shared.tolist() == [False, False, True]
    assert torch.equal(again.cut, rule.cut)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"objective": "f1"}, "objective='f1'; allowed an Objective"),
        ({"scope": "class"}, r"scope='class'; allowed 'global', 'per_class', 'shrunk'\. Try: decision\.scope=shrunk"),
        ({"shrinkage": -1.0}, r"shrinkage=-1\.0; allowed a number from 0"),
        ({"fit": "cv"}, "fit='cv'; allowed 'holdout', 'crossfit'"),
        ({"folds": 1}, "folds=1; allowed a whole number from 2"),
        ({"min_labels": 0.5}, r"min_labels=0\.5; allowed a whole number from 0"),
        ({"max_labels": 0}, "max_labels=0; allowed a whole number from 1 and from min_labels"),
        ({"min_labels": 2, "max_labels": 1}, "max_labels=1; allowed"),
        ({"min_labels": 4}, "min_labels=4 for 3 classes. Try: min_labels=3"),
        ({"objective": ExpectedCost([1.0, 2.0])}, "ExpectedCost.* for a head of 3 classes; allowed one number"),
    ],
)
def test_impossible_options(options, text):
    with pytest.raises(HeadConfigError, match=f"TH-H03: {text}"):
        bound(**options)


class Fixed(Objective):
    """A user's own objective, which does not say what it is."""

    def shared_cut(self, rows):
        return 1.0

    def class_cuts(self, rows, shared):
        return torch.full_like(rows.scores[0], shared, dtype=torch.float64)


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({}, True),
        ({"fit": "crossfit", "max_labels": 2, "shrinkage": 3.0}, True),  # none of these changes what the cuts are
        ({"objective": PrecisionAtRecall()}, False),
        ({"objective": FBeta(2.0, "micro")}, False),
        ({"scope": "per_class"}, False),
        ({"scope": "shrunk"}, False),
    ],
)
def test_cuts_learned_for_something_else_are_not_taken(options, taken):
    rule = bound(**options)
    rule.load_state_dict(fitted().state_dict())
    assert rule.fitted == taken
    if not taken:
        with pytest.raises(
            FitError, match=r"TH-F01: .*torchheads calibrate checkpoint=\.\.\. for a checkpoint, or Thre"
        ):
            rule(SCORES)


def test_an_objective_of_ones_own_is_known_again():
    source, rule = bound(objective=Fixed()), bound(objective=Fixed())
    source.fit(SCORES, SETS)
    rule.load_state_dict(source.state_dict())
    assert rule.fitted


def test_a_state_saved_before_there_were_kinds_is_taken():
    state = fitted().state_dict()
    del state["kind"]
    rule = bound()
    rule.load_state_dict(state)
    assert rule.cut.tolist() == [1.5, 1.5, 1.5]


@pytest.mark.parametrize("scope", ["global", "per_class", "shrunk"])
@pytest.mark.parametrize("shrinkage", [0.0, 20.0])
def test_where_no_cut_is_good_enough_nothing_is_taken(scope, shrinkage):
    # class 0 is right at its highest score; of class 1 the highest is wrong; class 2 has no positive
    scores = torch.tensor([[3.0, 3.0, 3.0], [2.0, 2.0, 2.0], [1.0, 1.0, 1.0]])
    sets = torch.tensor([[True, False, False], [False, True, False], [False, False, False]])
    rule = bound(objective=RecallAtPrecision(0.9), scope=scope, shrinkage=shrinkage, min_labels=1)
    rule.fit(scores, sets)
    assert not rule.cut.isnan().any()
    assert rule.cut[1] == rule.cut[2] == torch.inf
    assert rule.cut[0] == (torch.inf if scope == "global" else 2.5)
    assert "cut=" in repr(rule)
    again = bound(objective=RecallAtPrecision(0.9), scope=scope, shrinkage=shrinkage, min_labels=1)
    again.load_state_dict(rule.state_dict())
    far = torch.tensor([[1e30, 1e30, 1e30]])
    assert again(far).tolist() == rule(far).tolist() == [[True, False, False]]
