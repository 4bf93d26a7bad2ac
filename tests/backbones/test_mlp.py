"""`Mlp` against the layers written out."""

import pytest
import torch

from torchheads.backbones import Mlp
from torchheads.errors import HeadConfigError


def test_equals_the_formula():
    torch.manual_seed(0)
    mlp = Mlp((2, 3), hidden=(5, 4))
    batch = torch.randn(7, 2, 3)
    first, second = (mlp.get_submodule(f"layers.{place}") for place in (1, 4))
    hidden = torch.clamp(batch.reshape(7, 6) @ first.weight.T + first.bias, min=0)
    expected = torch.clamp(hidden @ second.weight.T + second.bias, min=0)
    torch.testing.assert_close(mlp(batch), expected)


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    mlp = Mlp((50,), hidden=(400,), dropout=0.5)
    batch = torch.randn(8, 50)
    kept = mlp.eval()(batch)
    dropped = mlp.train()(batch)
    alive = kept > 0
    assert 0.4 < (dropped[alive] == 0).float().mean() < 0.6
    assert torch.equal(mlp.eval()(batch), kept)


def test_no_hidden_layer_is_the_flattened_input():
    assert Mlp((2, 3), hidden=()).out_features == 6


def test_bad_widths_are_refused():
    with pytest.raises(HeadConfigError, match="TH-H18: hidden="):
        Mlp((2, 3), hidden=(5, 0))


@pytest.mark.parametrize("dropout", [-0.1, 1.0, "0.1", float("nan")])
def test_bad_dropout_is_refused(dropout):
    with pytest.raises(HeadConfigError, match=r"TH-H18: backbone\.dropout=.*Try: backbone\.dropout=0\.1"):
        Mlp((2, 3), dropout=dropout)
