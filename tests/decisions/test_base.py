"""Thresholds in two spaces, the precision of cuts, and who wins when a state is loaded."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from torchheads.decisions import Argmax, FittedThreshold, Threshold, TopK
from torchheads.decisions.base import check_threshold, one_number, plain_numbers, score_buffer
from torchheads.errors import HeadConfigError

SCORES = torch.tensor([[2.0, -1.0, 0.5], [0.0, -3.0, 1.0]])
SETS = torch.tensor([[True, False, False], [True, False, True]])


def bound(rule, num_classes=3):
    rule.bind(num_classes)
    return rule


def fitted():
    rule = bound(FittedThreshold())
    rule.fit(SCORES, SETS)
    return rule


RULES = {
    "Argmax": Argmax,
    "Threshold": lambda: bound(Threshold()),
    "Threshold(0.9)": lambda: bound(Threshold(0.9)),
    "Threshold per class": lambda: bound(Threshold([0.1, 0.2, 0.3])),
    "TopK": lambda: bound(TopK(2)),
    "TopK above": lambda: bound(TopK(2, 0.7)),
    "FittedThreshold": lambda: bound(FittedThreshold()),
    "FittedThreshold, fitted": fitted,
}
every_rule = pytest.mark.parametrize("make", RULES.values(), ids=RULES.keys())


# Thresholds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "space", "cut"),
    [
        (0.5, "probability", 0.0),
        (0.75, "probability", math.log(3)),
        (0, "probability", -math.inf),
        (1, "probability", math.inf),
        (3.0, "logit", 3.0),
        (-math.inf, "logit", -math.inf),
    ],
)
def test_cuts(value, space, cut):
    assert check_threshold(value, space) == pytest.approx(cut)


@pytest.mark.parametrize(
    ("value", "space", "text"),
    [
        (3.0, "probability", r"threshold 3\.0 in probability space; allowed 0\.\.1\. Try: space=\"logit\""),
        (-0.1, "probability", r"threshold -0\.1"),
        (math.nan, "probability", "threshold nan"),
        (math.nan, "logit", "threshold nan in logit space; allowed a number"),
        (0.5, "odds", r"space='odds'; allowed 'probability', 'logit'. Try: space=logit"),
    ],
)
def test_impossible_thresholds(value, space, text):
    with pytest.raises(HeadConfigError, match=f"TH-H03: {text}"):
        check_threshold(value, space)
    with pytest.raises(HeadConfigError, match="TH-H03"):
        Threshold(value, space)
    with pytest.raises(HeadConfigError, match="TH-H03"):
        Threshold([0.5, value], space)
    with pytest.raises(HeadConfigError, match="TH-H03"):
        TopK(1, value, space)


@pytest.mark.parametrize("value", ["0.5", [0.5, 0.5], {"a": 1}, 1j, 10**400, torch.tensor([0.5, 0.5]), ...], ids=repr)
@pytest.mark.parametrize("space", ["probability", "logit"])
def test_what_is_no_number(value, space):
    with pytest.raises(HeadConfigError, match=r"TH-H03: threshold .*; allowed one number.*\. Try: 0\.5"):
        check_threshold(value, space)
    with pytest.raises(HeadConfigError, match="TH-H03"):
        TopK(1, value, space)


def test_a_tensor_of_one_number_is_a_number():
    assert check_threshold(torch.tensor(0.5), "probability") == 0.0


def test_a_rule_is_taken_by_heads_of_one_size():
    rule = Threshold(0.9)
    rule.take(3, Threshold)
    rule.take(3, FittedThreshold)
    with pytest.raises(
        HeadConfigError, match=r"TH-H03: this Threshold decides for a head of 3 classes, not of 2\. Try: a Th"
    ):
        rule.take(2, Threshold)
    assert rule.cut.shape == (3,)


def test_cuts_are_float32_whatever_the_default_is():
    before = torch.get_default_dtype()
    try:
        for dtype in (torch.bfloat16, torch.float16, torch.float64):
            torch.set_default_dtype(dtype)
            assert score_buffer([0.1]).dtype == torch.float32
            assert FittedThreshold().cut.dtype == torch.float32
            for make in RULES.values():
                assert {buffer.dtype for buffer in make().buffers()} <= {torch.float32, torch.bool, torch.int64}
    finally:
        torch.set_default_dtype(before)


# Precision ------------------------------------------------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("move", [lambda m: m.half(), lambda m: m.bfloat16(), lambda m: m.to(torch.float64)])
def test_cuts_keep_their_precision(make, move):
    rule = make()
    before = {name: buffer.clone() for name, buffer in rule.named_buffers()}
    inside = move(nn.ModuleDict({"rule": rule, "other": nn.Linear(2, 2)}))
    assert inside["other"].weight.dtype != torch.float32
    for name, buffer in rule.named_buffers():
        assert buffer.dtype == before[name].dtype
        assert torch.equal(buffer, before[name])


def test_a_cut_that_half_precision_would_move():
    rule = bound(Threshold(2.001, space="logit"))
    scores = torch.full((1, 3), 2.0005)  # bfloat16 has 2 and 2.0156, nothing between
    assert not rule.bfloat16()(scores).any()


@every_rule
def test_copies_decide_alike(make):
    rule = make()
    for again in (copy.deepcopy(rule), pickle.loads(pickle.dumps(rule))):
        assert repr(again) == repr(rule)
        assert again.fitted == rule.fitted
        if rule.fitted:
            assert torch.equal(again(SCORES), rule(SCORES))


# Loading --------------------------------------------------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("saved", RULES.values(), ids=RULES.keys())
def test_every_state_loads_strictly_into_every_rule(saved, make):
    rule, state = make(), saved().state_dict()
    given = {name: value.clone() for name, value in state.items()}
    rule.load_state_dict(state, strict=True)
    assert state.keys() == given.keys()
    assert all(torch.equal(state[name], given[name]) for name in given)


@pytest.mark.parametrize("saved", [fitted, lambda: bound(Threshold(0.2)), lambda: bound(Threshold())])
def test_a_named_threshold_wins(saved):
    rule = bound(Threshold([0.1, 0.5, 0.9]))
    expected = rule.cut.clone()
    rule.load_state_dict(saved().state_dict())
    assert torch.equal(rule.cut, expected)


@pytest.mark.parametrize("assign", [False, True])
def test_a_named_threshold_wins_when_states_are_assigned(assign):
    rule = bound(Threshold(0.9))
    rule.load_state_dict(bound(Threshold(0.2)).state_dict(), assign=assign)
    assert rule.cut.tolist() == pytest.approx([math.log(9)] * 3)


def test_an_unnamed_threshold_takes_what_was_saved():
    rule = bound(Threshold())
    saved = bound(Threshold([0.1, 0.5, 0.9]))
    rule.load_state_dict(saved.state_dict())
    assert torch.equal(rule.cut, saved.cut)
    assert torch.equal(rule(SCORES), saved(SCORES))
    assert rule.cut is not saved.cut


def test_an_unnamed_threshold_takes_a_fitted_cut():
    rule = bound(Threshold())
    rule.load_state_dict(fitted().state_dict())
    assert torch.equal(rule(SCORES), fitted()(SCORES))


@pytest.mark.parametrize("state", [Argmax().state_dict(), bound(TopK(1)).state_dict()])
def test_a_state_without_a_cut_leaves_it(state):
    rule = bound(Threshold())
    rule.load_state_dict(state)
    assert rule.cut.tolist() == [0, 0, 0]


def test_a_top_k_keeps_what_it_was_built_with():
    rule = bound(TopK(2, 0.9))
    rule.load_state_dict(fitted().state_dict())
    assert rule.cut.tolist() == pytest.approx([math.log(9)] * 3)


def test_inside_a_model_other_keys_are_still_checked():
    model = nn.ModuleDict({"decision": bound(Threshold()), "other": nn.Linear(2, 2)})
    state = model.state_dict() | {"decision.is_fitted": torch.tensor(True)}
    model.load_state_dict(state)
    with pytest.raises(RuntimeError, match="Unexpected key"):
        model.load_state_dict(state | {"strange.cut": torch.zeros(3)})
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict(state | {"decision.cut": torch.zeros(4)})


def test_numbers_as_numpy_has_them():
    assert bound(Threshold(np.float64(0.5))).cut.tolist() == [0, 0, 0]
    assert bound(Threshold(np.array([0.5, 0.5, 0.5]))).cut.tolist() == [0, 0, 0]


# The whole text of every refusal --------------------------------------------------------------------------------------

ONE_SPACE_OR_THE_OTHER = 'Try: space="logit" for a threshold on the raw output (decision.space=logit)'


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        (
            lambda: check_threshold(3.0, "probability"),
            f"TH-H03: threshold 3.0 in probability space; allowed 0..1. {ONE_SPACE_OR_THE_OTHER}",
        ),
        (
            lambda: check_threshold(math.nan, "logit"),
            "TH-H03: threshold nan in logit space; allowed a number. Try: 0.5",
        ),
        (
            lambda: check_threshold(0.5, "odds"),
            "TH-H03: space='odds'; allowed 'probability', 'logit'. Try: space=logit",
        ),
        (
            lambda: one_number([0.5, 0.5]),
            "TH-H03: threshold [0.5, 0.5]; allowed one number for all classes. Try: 0.5",
        ),
        (
            lambda: plain_numbers([0.5, None]),
            "TH-H03: threshold [0.5, None]; allowed one number, or one a class. Try: 0.5",
        ),
        (lambda: plain_numbers("5"), "TH-H03: threshold '5'; allowed one number, or one a class. Try: 0.5"),
        (
            lambda: bound(Threshold([0.5, 0.5])),
            "TH-H03: 2 thresholds for 3 classes; allowed one, or one a class. Try: decision.value=0.5",
        ),
        (lambda: TopK(0), "TH-H03: TopK(k=0); allowed a whole number from 1 to the number of classes. Try: k=1"),
        (lambda: bound(TopK(5)), "TH-H03: TopK(k=5) for 3 classes; allowed 1..3. Try: decision.k=3"),
        (
            lambda: [(rule := Threshold(0.9)).take(3, Threshold), rule.take(2, Threshold)],
            "TH-H03: this Threshold decides for a head of 3 classes, not of 2. "
            "Try: a Threshold of its own for each head",
        ),
    ],
)
def test_the_whole_text(refused, text):
    with pytest.raises(HeadConfigError) as caught:
        refused()
    assert str(caught.value) == text


def test_a_rule_built_without_arguments():
    assert TopK().k == 1
    assert (Argmax().space, Threshold().space, TopK().space) == ("probability",) * 3
    assert (Argmax().named, Argmax(0.5).named, TopK().named) == (False, True, True)


def test_a_move_reaches_what_a_rule_holds():
    rule = bound(Threshold(0.9))
    rule.inner = nn.Linear(2, 2)
    assert rule.half().inner.weight.dtype == torch.float16
    assert rule.to("meta").cut.is_meta
