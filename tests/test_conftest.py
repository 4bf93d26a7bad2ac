"""The shape checks of conftest.py: wrong shapes and dtypes are refused at every signature that names them."""

import typing

import jaxtyping
import pytest
import torch

from torchheads.decisions import Argmax
from torchheads.decisions.functional.answers import above, largest, top_k
from torchheads.heads import SigmoidHead, SoftmaxHead
from torchheads.links import log_odds
from torchheads.losses.functional import binary_cross_entropy, cross_entropy
from torchheads.shapes import unrows

WRONG = {
    "a cut for other classes": lambda: above(torch.zeros(2, 3), torch.zeros(4)),
    "a target with other rows": lambda: cross_entropy(torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64)),
    "a target of int32": lambda: cross_entropy(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int32)),
    "a target with other classes": lambda: binary_cross_entropy(torch.zeros(2, 3), torch.zeros(2, 4)),
    "weights for other classes": lambda: binary_cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3), torch.ones(2)),
    "integer scores": lambda: largest(torch.zeros(2, 3, dtype=torch.int64)),
    "one row without its axis": lambda: top_k(torch.zeros(3), 1),
    "three axes": lambda: log_odds(torch.zeros(2, 3, 4)),
    "through a module's forward": lambda: Argmax()(torch.zeros(2, 3, 4)),
    "a method of a head": lambda: SoftmaxHead(4, 3).score_rows(torch.zeros(3)),
    "rows that are no rows": lambda: unrows(torch.zeros(2, 3, 4), like=torch.zeros(2, 3)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_shape_is_refused(call):
    with pytest.raises(jaxtyping.TypeCheckError, match="Expected type"):
        call()


def test_a_wrong_shape_that_comes_out_is_refused():
    class Careless(SigmoidHead):
        """A head whose probabilities lost an axis: `unrows` takes rows (m, c) only."""

        def probability_rows(self, logits):
            return logits.sigmoid()[:, :, None]

    with pytest.raises(jaxtyping.TypeCheckError, match="unrows"):
        Careless(4, 3).probabilities(torch.zeros(2, 3))


def test_options_reach_our_own_errors():
    with pytest.raises(ValueError, match="TH-H22"):
        SoftmaxHead(4, 3, label_type="both")


def test_the_checker_sees_shapes_inside_unions():
    hints = typing.get_type_hints(cross_entropy)
    assert jaxtyping.AbstractArray in hints["logits"].__mro__
    assert len(typing.get_args(hints["target"])) == 2
