"""`IdentityBackbone` passes inputs on."""

import torch

from torchheads.backbones import IdentityBackbone


def test_values_are_the_flattened_input():
    batch = torch.arange(12.0).reshape(2, 1, 2, 3)
    expected = torch.tensor([[0.0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]])
    assert torch.equal(IdentityBackbone((1, 2, 3))(batch), expected)


def test_has_no_parameters():
    assert list(IdentityBackbone((5,)).parameters()) == []
