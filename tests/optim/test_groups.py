"""Every trainable parameter in exactly one group, and only matrices and kernels decay."""

import pytest
import torch
from torch import nn

from torchheads.backbones import Cnn
from torchheads.errors import HeadConfigError
from torchheads.optim import parameter_groups


class TwoNamesOneWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(3, 3)
        self.decoder = nn.Linear(3, 3)
        self.decoder.weight = self.encoder.weight


def names_by_decay(module, weight_decay=0.1):
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    groups = parameter_groups(module, weight_decay)
    return {group["weight_decay"]: [names[id(parameter)] for parameter in group["params"]] for group in groups}


def test_kernels_decay_biases_and_norms_do_not():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 4))
    assert names_by_decay(module) == {0.1: ["0.weight", "3.weight"], 0.0: ["0.bias", "1.weight", "1.bias", "3.bias"]}


def test_norms_and_biases_with_two_axes_do_not_decay_either():
    module = nn.Sequential(nn.Linear(6, 6), nn.LayerNorm((2, 3)))
    module.register_parameter("bias", nn.Parameter(torch.zeros(2, 3)))
    assert names_by_decay(module) == {0.1: ["0.weight"], 0.0: ["bias", "0.bias", "1.weight", "1.bias"]}


def test_every_trainable_parameter_is_in_exactly_one_group():
    module = nn.Sequential(Cnn((1, 8, 8)), nn.Linear(128, 10))
    grouped = [parameter for group in parameter_groups(module, 0.1) for parameter in group["params"]]
    assert len(grouped) == len({id(parameter) for parameter in grouped})
    assert {id(parameter) for parameter in grouped} == {id(parameter) for parameter in module.parameters()}


def test_frozen_parameters_are_left_out():
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    module[0].requires_grad_(False)
    assert names_by_decay(module) == {0.1: ["1.weight"], 0.0: ["1.bias"]}


def test_a_shared_parameter_appears_once():
    names = names_by_decay(TwoNamesOneWeight())
    assert names == {0.1: ["encoder.weight"], 0.0: ["encoder.bias", "decoder.bias"]}


def test_a_group_without_parameters_is_left_out():
    assert names_by_decay(nn.Linear(3, 2, bias=False)) == {0.1: ["weight"]}


def test_nothing_to_train_is_an_error():
    with pytest.raises(HeadConfigError, match="TH-H13: Flatten has no trainable parameter"):
        parameter_groups(nn.Flatten(), 0.1)
