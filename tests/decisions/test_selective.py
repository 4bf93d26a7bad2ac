"""`Selective`: it answers as its rule does where it is sure, keeps to the error it was given, and says the rest."""

import copy
import math

import numpy as np
import pytest
import torch

from torchheads import FittedThreshold, SigmoidHead, SoftmaxHead, Threshold
from torchheads.decisions import Argmax, Selective, TopK
from torchheads.errors import FitError, HeadConfigError, TorchHeadsWarning
from torchheads.fitting import halves

C = 4


def single(n=500, seed=0):
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, C, generator=random) * 2
    classes = (1.3 * scores).softmax(dim=1).multinomial(1, generator=random).squeeze(1)
    return scores, torch.nn.functional.one_hot(classes, C).bool()


def multi(n=500, seed=0):
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, C, generator=random) * 2 * torch.rand(n, 1, generator=random)
    return scores, torch.rand(n, C, generator=random) < (3 * scores).sigmoid()


ROWS = {"single": single, "multi": multi}
RULES = {"single": Argmax, "multi": Threshold}
both = pytest.mark.parametrize("kind", ["single", "multi"])


def bound(kind, *options, **named):
    rule = Selective(*options, rule=RULES[kind](), **named)
    rule.bind(C)
    return rule


def fitted(kind, *options, seed=0, **named):
    rule = bound(kind, *options, **named)
    rule.fit(*ROWS[kind](seed=seed))
    return rule


def error_of(rule, kind, scores, target):
    """Mean error of the rows answered, and their share, row by row."""
    predictions, abstained = rule(scores), rule.abstains(scores)
    errors = []
    for row in range(len(scores)):
        if abstained[row]:
            assert (predictions[row] == (-1 if kind == "single" else 0)).all()
        elif kind == "single":
            errors.append(float(not target[row, predictions[row]]))
        else:
            errors.append((predictions[row] != target[row]).double().mean().item())
    return (np.mean(errors) if errors else 0.0), len(errors) / len(scores)


@both
def test_unfitted_it_refuses(kind):
    rule = bound(kind)
    assert not rule.fitted
    for answer in (rule, rule.abstains):
        with pytest.raises(FitError, match=r"TH-F01: the cut of Selective was not fitted yet.*Try: head\.fit_held_out"):
            answer(torch.zeros(1, C))


@both
def test_until_it_is_fitted_metrics_decide_by_its_rule(kind):
    rule = bound(kind)
    assert rule.in_force is rule.rule
    fit = fitted(kind, 0.2)
    assert fit.in_force is fit
    unfitted = Selective(rule=FittedThreshold())
    unfitted.bind(C)
    assert unfitted.in_force is None


@both
@pytest.mark.parametrize("max_error", [0.05, 0.1, 0.15])
def test_the_error_of_the_answers_is_as_large_as_it_may_be(kind, max_error):
    rule, (scores, target) = fitted(kind, max_error), ROWS[kind]()
    error, answered = error_of(rule, kind, scores, target)
    assert error <= max_error
    assert 0.05 < answered < 1
    rule.least -= 0.5 if kind == "single" else 0.05  # answers more
    more, further = error_of(rule, kind, scores, target)
    assert further > answered
    assert more > max_error


@both
def test_what_is_answered_is_what_the_rule_says(kind):
    rule, (scores, _) = fitted(kind, 0.1), ROWS[kind](seed=1)
    answered = ~rule.abstains(scores)
    assert torch.equal(rule(scores)[answered], rule.rule(scores)[answered])
    assert torch.equal(rule.undecided(scores), rule.rule(scores))


def test_by_hand():
    # scores 3, 2, 1.5, 1: right, right, wrong, wrong; of the three surest one in three is wrong
    scores = torch.tensor([[3.0, -3.0], [-2.0, 2.0], [1.5, -1.5], [-1.0, 1.0]])
    target = torch.tensor([[1, 0], [0, 1], [0, 1], [1, 0]]).bool()
    for max_error, least in ((0.3, 1.75), (0.34, 1.25), (0.5, -math.inf)):
        rule = Selective(max_error, rule=Argmax())
        rule.bind(2)
        rule.fit(scores, target)
        assert rule.least.item() == least
    assert rule(scores).tolist() == [0, 1, 0, 1]


@both
def test_where_nothing_is_good_enough_nothing_is_answered(kind):
    scores, _ = ROWS[kind]()
    rule = bound(kind, 0.01)
    wrong = torch.nn.functional.one_hot(scores.argmin(1), C).bool() if kind == "single" else scores < 0
    with pytest.warns(TorchHeadsWarning, match=r"TH-W07: no cut keeps the error at 0\.01 on 500 held-out rows; "):
        rule.fit(scores, wrong)
    assert rule.fitted
    assert rule.abstains(scores).all()
    assert (rule(scores) == (-1 if kind == "single" else 0)).all()


@both
def test_with_confidence_fewer_are_answered(kind):
    plain, sure = fitted(kind, 0.17), fitted(kind, 0.17, confidence=0.95)
    scores = ROWS[kind](seed=1)[0]
    assert 0 < (~sure.abstains(scores)).sum() < (~plain.abstains(scores)).sum()


@both
@pytest.mark.filterwarnings("ignore:TH-W07")  # some samples prove nothing
def test_new_rows_keep_to_the_error_as_often_as_was_promised(kind):
    world = ROWS[kind](6000, seed=100)
    over = {None: 0, 0.9: 0}
    for confidence in over:
        for seed in range(60):
            rule = fitted(kind, 0.17, confidence=confidence, seed=seed)
            answered = ~rule.abstains(world[0])
            wrong = (
                ~world[1].gather(1, rule(world[0]).clamp(min=0).unsqueeze(1)).squeeze(1)
                if kind == "single"
                else (rule(world[0]) != world[1]).double().mean(dim=1)
            )
            over[confidence] += bool(wrong[answered].double().mean() > 0.17)
    assert over[0.9] / 60 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 60)
    assert over[None] / 60 > 0.25  # the plain mean is an estimate and no promise


# The rule inside ------------------------------------------------------------------------------------------------------


def test_a_rule_that_learns_is_fitted_first_on_the_same_rows():
    scores, target = multi()
    rule, alone = Selective(0.1, rule=FittedThreshold()), FittedThreshold()
    rule.bind(C)
    alone.bind(C)
    rule.fit(scores, target)
    alone.fit(scores, target)
    assert torch.equal(rule.rule.cut, alone.cut)
    assert torch.equal(rule.cut, alone.cut)
    answered = ~rule.abstains(scores)
    assert torch.equal(rule(scores)[answered], alone(scores)[answered])


def test_with_confidence_a_rule_that_learns_and_the_cut_see_other_rows():
    scores, target = multi()
    first, rest = halves(500, scores.device)
    assert sorted([*first.tolist(), *rest.tolist()]) == list(range(500))
    rule, alone, fixed = Selective(0.2, 0.9, FittedThreshold()), FittedThreshold(), Selective(0.2, 0.9, Threshold())
    for one in (rule, alone, fixed):
        one.bind(C)
    rule.fit(scores, target)
    alone.fit(scores[first], target[first])
    assert torch.equal(rule.rule.cut, alone.cut)
    fixed.rule.cut = alone.cut.clone()
    fixed.fit(scores[rest], target[rest])  # a rule that learns nothing leaves all rows to the cut
    assert rule.least == fixed.least


def test_what_the_rule_rejects_is_not_answered_either():
    scores, target = single()
    rule = Selective(0.3, rule=Argmax(reject_below=0.9))
    rule.bind(C)
    rule.fit(scores, target)
    rejected = Argmax(reject_below=0.9).abstains(scores)
    assert rejected.any()
    assert rule.abstains(scores)[rejected].all()
    assert not rule.abstains(scores)[~rejected].all()


def test_unknown_entries_are_no_errors():
    scores, target = multi()
    known = torch.rand(500, C, generator=torch.Generator().manual_seed(5)) < 0.7
    known[0] = False
    rule, other = bound("multi", 0.1), bound("multi", 0.1)
    rule.fit(scores, target, known)
    other.fit(scores, target ^ ~known, known)  # what is not known may be anything
    assert rule.least == other.least
    assert rule.least != fitted("multi", 0.1).least


# In a head ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "natural"),
    [
        (lambda rule: SoftmaxHead(3, C, decision=rule), Argmax),
        (lambda rule: SigmoidHead(3, C, label_type="single", decision=rule), Argmax),
        (lambda rule: SigmoidHead(3, C, decision=rule), None),
        (lambda rule: SoftmaxHead(3, C, label_type="multi", decision=rule), FittedThreshold),
    ],
)
def test_without_a_rule_it_decides_by_the_heads_own(make, natural):
    head = make(Selective(0.17))
    kind = head.label_type
    assert type(head.decision.rule) is (natural or SigmoidHead.natural_decision["multi"])
    assert not head.fitted
    scores, target = ROWS[kind]()
    head.fit_held_out(scores, target.long().argmax(dim=1) if kind == "single" else target)
    assert head.fitted
    abstained = head.abstained(scores)
    assert 0 < abstained.sum() < 500
    predictions = head.predict(scores)
    assert (predictions[abstained] == (-1 if kind == "single" else 0)).all()
    again = make(Selective(0.17))
    again.load_state_dict(head.state_dict())
    assert again.fitted
    assert torch.equal(again.predict(scores), predictions)
    assert torch.equal(copy.deepcopy(head).predict(scores), predictions)


def test_a_rule_of_the_other_label_type_is_refused():
    with pytest.raises(HeadConfigError) as caught:
        SigmoidHead(3, C, decision=Selective(rule=Argmax()))
    assert str(caught.value) == (
        "TH-H03: Selective decides on label type 'single', the data are 'multi'. "
        "Try: rule=None, for the rule of the head (decision.rule=null)"
    )
    rule = Selective()
    SoftmaxHead(3, C, decision=rule)
    with pytest.raises(HeadConfigError, match="decides on label type 'single', the data are 'multi'"):
        SigmoidHead(3, C, decision=rule)


def test_a_head_of_other_classes_is_refused():
    rule = Selective(rule=Threshold(0.9))
    SigmoidHead(3, C, decision=rule)
    with pytest.raises(HeadConfigError, match="this Selective decides for a head of 4 classes, not of 3"):
        SigmoidHead(3, 3, decision=rule)


def test_a_state_of_another_rule_is_passed_over():
    head = SigmoidHead(3, C, decision=Selective(rule=Threshold(0.9)))
    other = SigmoidHead(3, C, decision=Threshold(0.7))
    head.load_state_dict(other.state_dict())
    assert not head.decision.fitted
    scores, target = multi()
    head.fit_held_out(scores, target)
    other.load_state_dict(head.state_dict())
    assert torch.equal(other.predict(scores), scores >= other.decision.cut)
    again = SigmoidHead(3, C, decision=Selective(rule=TopK(2)))  # a cut for sets of another rule
    again.load_state_dict(head.state_dict())
    assert not again.decision.fitted


def test_without_a_rule_and_a_head_there_is_nothing_to_decide_by():
    with pytest.raises(HeadConfigError, match=r"TH-H03: Selective has no rule to decide by yet\. Try: Selective\(rule"):
        Selective().bind(3)


@both
def test_positions_are_rows(kind):
    head = (SoftmaxHead if kind == "single" else SigmoidHead)(3, C, decision=fitted(kind, 0.1))
    logits = torch.randn(2, C, 3, 5) * 2
    flat = logits.permute(0, 2, 3, 1).reshape(-1, C)
    assert torch.equal(head.abstained(logits).flatten(), head.abstained(flat))
    assert head.abstained(logits).shape == (2, 3, 5)


@both
@pytest.mark.parametrize("move", ["half", "bfloat16"])
def test_a_cast_changes_no_cut(kind, move):
    rule = fitted(kind, 0.1)
    least = rule.least.clone()
    getattr(rule, move)()
    assert torch.equal(rule.least, least)
    assert rule.least.dtype == torch.float64


def test_an_empty_shell_is_not_fitted():
    assert not fitted("single", 0.1).to("meta").fitted


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, math.nan])
@pytest.mark.parametrize("name", ["max_error", "confidence"])
def test_options_out_of_range(name, value):
    with pytest.raises(
        HeadConfigError, match=rf"TH-H03: {name}=.*; allowed a number between 0 and 1\. Try: {name}=0.05"
    ):
        Selective(**{name: value})


def test_rows_that_do_not_fit():
    rule = bound("single")
    with pytest.raises(FitError, match="TH-F03"):
        rule.fit(torch.zeros(3, C + 1), torch.zeros(3, C + 1).bool())
    with pytest.raises(FitError, match="TH-F02"):
        rule.fit(torch.zeros(0, C), torch.zeros(0, C).bool())


def test_repr():
    assert repr(Selective(0.1)) == "Selective(max_error=0.1, confidence=None, not fitted)"
    assert "max_error=0.2, confidence=0.9, fitted, least=" in repr(fitted("single", 0.2, confidence=0.9))


@both
def test_a_cut_learned_for_another_error_is_not_taken(kind):
    loose = fitted(kind, 0.3).state_dict()
    for options, taken in (((0.3,), True), ((0.1,), False), ((0.3, 0.95), False)):
        for rule in (bound(kind, *options), fitted(kind, *options)):
            rule.load_state_dict(loose)
            assert rule.fitted == taken
            if not taken:
                with pytest.raises(FitError, match=r"TH-F01: .*or torchheads calibrate checkpoint="):
                    rule(ROWS[kind]()[0])


def test_nor_one_learned_for_another_rule():
    def make(scope):
        rule = Selective(0.2, rule=FittedThreshold(scope=scope))
        rule.bind(C)
        return rule

    source, same, other = make("global"), make("global"), make("per_class")
    source.fit(*multi())
    for rule in (same, other):
        rule.load_state_dict(source.state_dict())
    assert same.fitted
    assert not other.fitted
    assert not other.rule.fitted


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("argmax", "TH-H03: Selective(rule='argmax'); allowed a decision object, or None for the rule of the head. "),
        (Argmax, "TH-H03: Selective(rule=Argmax); allowed a decision object, or None for the rule of the head. "),
        (
            FittedThreshold(fit="crossfit"),
            "TH-H03: Selective(rule=FittedThreshold(fit='crossfit')); its cut is fitted ",
        ),
    ],
)
def test_what_is_no_rule_for_it(rule, text):
    with pytest.raises(HeadConfigError) as caught:
        Selective(rule=rule)
    assert str(caught.value).startswith(text)
