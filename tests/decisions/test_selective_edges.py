"""`Selective` at its edges: rows exactly at the cut, states that learned nothing, and the whole text of refusals."""

import math

import pytest
import torch

from torchheads.decisions import Argmax, FittedThreshold, Selective, Threshold
from torchheads.errors import HeadConfigError


def bound(rule, num_classes=2, **options):
    selective = Selective(rule=rule, **options)
    selective.bind(num_classes)
    return selective


@pytest.mark.parametrize("lower", [1.0, math.nextafter(1.0, 0), 3.0, -7.3])
def test_neighbours_with_nothing_between_them_are_told_apart(lower):
    upper = math.nextafter(lower, math.inf)
    scores = torch.tensor([[upper, -9.0], [lower, -9.0]], dtype=torch.float64)
    rule = bound(Argmax(), max_error=0.1)
    rule.fit(scores, torch.tensor([[True, False], [False, True]]))  # the surer one is right, the other wrong
    assert rule(scores).tolist() == [0, -1]


def test_a_row_with_one_known_label_that_is_wrong_is_wrong_as_a_whole():
    # errors 0 and 1/1: the mean of both is 0.5, above 0.4, so that the second row is not answered
    scores, target = torch.tensor([[5.0, 5.0], [1.0, 1.0]]), torch.tensor([[True, True], [False, True]])
    rule = bound(Threshold(), max_error=0.4)
    rule.fit(scores, target, known=torch.tensor([[True, True], [True, False]]))
    assert rule.abstains(scores).tolist() == [False, True]


def test_repr_before_and_after_the_fit():
    rule = bound(Argmax(), max_error=0.3)
    assert repr(rule).startswith("Selective(\n  max_error=0.3, confidence=None, not fitted\n")
    rule.fit(torch.tensor([[3.0, 0.0], [1.0, 0.0]]), torch.tensor([[True, False], [False, True]]))
    assert repr(rule).startswith("Selective(\n  max_error=0.3, confidence=None, fitted, least=2\n")  # between 3 and 1


def test_a_state_that_learned_nothing_is_taken_as_a_whole():
    rule = bound(Argmax(), max_error=0.5)
    rule.fit(torch.tensor([[3.0, 0.0]]), torch.tensor([[True, False]]))
    assert rule.least == -math.inf
    rule.load_state_dict(bound(Argmax(), max_error=0.5).state_dict())
    assert not rule.fitted
    assert rule.least == math.inf


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            "argmax",
            "TH-H03: Selective(rule='argmax'); allowed a decision object, or None for the rule of the head. "
            "Try: rule=Argmax() (decision.rule=null)",
        ),
        (
            FittedThreshold(fit="crossfit"),
            "TH-H03: Selective(rule=FittedThreshold(fit='crossfit')); its cut is fitted on a held-out split alone. "
            "Try: rule=FittedThreshold() (decision.rule.fit=holdout)",
        ),
    ],
)
def test_the_whole_text_for_what_is_no_rule_for_it(rule, text):
    with pytest.raises(HeadConfigError) as caught:
        Selective(rule=rule)
    assert str(caught.value) == text
