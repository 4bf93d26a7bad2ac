"""`Argmax`: one class a row."""

import pytest
import torch
from torch import nn

from torchheads.decisions import Argmax, DecisionRule


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
