"""`Argmax`: one class a row."""

import copy
import math

import pytest
import torch
from torch import nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.decisions import Argmax, DecisionRule, Threshold
from torchheads.errors import HeadConfigError


def test_one_class_a_row():
    scores = torch.tensor([[2.1, 4.0, 3.2, -1.0], [0.0, 0.0, 0.0, 0.0]])
    predictions = Argmax()(scores)
    assert predictions.dtype == torch.int64
    assert predictions.tolist() == [1, 0]


def test_no_row():
    assert Argmax()(torch.zeros(0, 3)).shape == (0,)


def test_nothing_to_fit_and_nothing_to_save():
    rule = Argmax()
    rule.bind(4)
    assert rule.fitted
    assert rule.state_dict() == {}
    assert rule.label_type == "single"
    assert repr(rule) == "Argmax()"


def test_numbers_of_another_rule_are_passed_over():
    state = {"cut": torch.zeros(4), "is_fitted": torch.tensor(True)}
    Argmax().load_state_dict(state)
    assert set(state) == {"cut", "is_fitted"}  # the caller's own dictionary is left alone


def test_a_rule_is_abstract():
    assert issubclass(DecisionRule, nn.Module)
    with pytest.raises(TypeError, match="abstract"):
        DecisionRule()


# None of these --------------------------------------------------------------------------------------------------------

SCORES = torch.tensor([[2.1, 4.0, 3.2, -1.0], [-2.0, -3.0, -2.5, -4.0], [0.0, -1.0, 0.0, -1.0]])


@pytest.mark.parametrize(
    ("level", "space", "expected"),
    [
        (0.5, "probability", [1, -1, 0]),  # logit(0.5) = 0, which the third row reaches
        (0.6, "probability", [1, -1, -1]),
        (4.0, "logit", [1, -1, -1]),  # equality is enough
        (4.001, "logit", [-1, -1, -1]),
        (-2.0, "logit", [1, 0, 0]),
        (0, "probability", [1, 0, 0]),
        (1, "probability", [-1, -1, -1]),
    ],
)
def test_a_row_below_the_level_is_rejected(level, space, expected):
    predictions = Argmax(reject_below=level, space=space)(SCORES)
    assert predictions.dtype == torch.int64
    assert predictions.tolist() == expected


def test_no_row_is_rejected_of_none():
    assert Argmax(reject_below=0.5)(torch.zeros(0, 3)).shape == (0,)


def test_what_is_not_rejected_is_the_argmax():
    scores = torch.randn(200, 5)
    kept = scores.amax(dim=1) >= 0.5
    predictions = Argmax(reject_below=0.5, space="logit")(scores)
    assert 0 < kept.sum() < 200
    assert torch.equal(predictions[kept], Argmax()(scores)[kept])
    assert (predictions[~kept] == -1).all()


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_a_head_answers_none_of_these_at_every_position(head_class):
    head = head_class(3, 3, label_type="single", decision=Argmax(reject_below=0.9), classifier=nn.Identity())
    logits = torch.zeros(1, 3, 2, 2)
    logits[0, 2, 1, 0] = 5
    assert head.predict(logits).tolist() == [[[-1, -1], [2, -1]]]


def test_the_level_is_about_probabilities():
    logits = torch.tensor([[2.0, 1.0, 0.0]])
    for head_class in (SoftmaxHead, SigmoidHead):
        head = head_class(3, 3, label_type="single", classifier=nn.Identity())
        largest = head.probabilities(logits).max().item()
        for level, answer in ((largest - 1e-5, 0), (largest + 1e-5, -1)):
            head.decision = Argmax(reject_below=level)
            assert head.predict(logits).item() == answer


@pytest.mark.parametrize(
    ("level", "space", "text"),
    [
        (1.5, "probability", r"threshold 1\.5 in probability space; allowed 0\.\.1"),
        (-0.1, "probability", r"threshold -0\.1 in probability space; allowed 0\.\.1"),
        (math.nan, "probability", "threshold nan in probability space"),
        (math.nan, "logit", "threshold nan in logit space"),
        (0.5, "odds", "space='odds'; allowed 'probability', 'logit'"),
        (
            [0.5, 0.5],
            "probability",
            r"threshold \[0\.5, 0\.5\]; allowed one number for all classes",
        ),
        ("0.5", "probability", "threshold '0.5'; allowed one number"),
        (True, "probability", "threshold True; allowed one number"),
    ],
)
def test_impossible_levels(level, space, text):
    with pytest.raises(HeadConfigError, match=f"TH-H03: {text}"):
        Argmax(reject_below=level, space=space)


def test_the_level_is_saved_and_a_named_one_wins():
    state = Argmax(reject_below=2.0, space="logit").state_dict()
    assert state["cut"].tolist() == [2.0]
    named = Argmax(reject_below=3.0, space="logit")
    named.load_state_dict(state)
    assert named.cut.tolist() == [3.0]
    plain = Argmax()
    plain.load_state_dict(state)  # as it was built: no level, no rejection
    assert plain(torch.full((1, 2), -9.0)).tolist() == [0]
    named.load_state_dict(Threshold(0.5).state_dict())
    assert named.cut.tolist() == [3.0]


def test_a_rounded_level_would_be_another_level():
    rule = copy.deepcopy(Argmax(reject_below=0.7)).half()
    assert rule.cut.dtype == torch.float32


def test_repr_of_a_level():
    assert repr(Argmax(reject_below=0.5)) == "Argmax(reject_below=0.5, space='probability')"
