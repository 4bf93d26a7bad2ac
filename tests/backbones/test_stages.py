"""Stages hold every parameter once and come in the order in which the network runs them."""

import pytest
import torch
from torch import nn

from torchheads.backbones import Cnn, IdentityBackbone, Mlp, TimmBackbone, TorchvisionBackbone
from torchheads.backbones.stages import find_stages, parts

# stages worked by hand from the papers: a stem and four stages, patches and twelve blocks, ...
TORCHVISION = [
    ("resnet18", 32, 5),
    ("regnet_x_400mf", 32, 5),
    ("shufflenet_v2_x0_5", 32, 5),  # the stem, three stages, the last convolution
    ("squeezenet1_1", 32, 9),  # the stem, eight fire modules
    ("convnext_tiny", 32, 8),  # four stages, each after its own downsampling
    ("densenet121", 32, 8),  # the stem, four blocks, three transitions
    ("efficientnet_b0", 32, 9),
    ("mnasnet0_5", 32, 10),  # four convolutions apart, six stacks
    ("mobilenet_v3_small", 32, 14),
    ("swin_t", 32, 8),
    ("vgg11", 32, 9),  # eight convolutions, the two layers of the classifier that stay
    ("vit_b_32", 32, 13),
]
TIMM = [("resnet18", 5), ("convnext_atto", 5), ("vit_tiny_patch16_224", 13), ("regnety_002", 5)]


def check(backbone, count):
    """As many stages as said, every parameter in one of them, run one after another."""
    stages = backbone.stages()
    assert len(stages) == count
    grouped = [id(parameter) for stage in stages for parameter in stage.parameters()]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in backbone.parameters()}
    assert all(any(weight.ndim > 1 for weight in stage.parameters()) for stage in stages)
    run = []
    for number, stage in enumerate(stages):
        for part in stage.modules():
            if next(part.children(), None) is None:
                part.register_forward_hook(lambda *_, number=number: run.append(number))
    backbone.eval()(torch.rand(1, *backbone.input_shape))
    assert run == sorted(run)
    assert set(run) == set(range(count))


@pytest.mark.parametrize(("name", "side", "count"), TORCHVISION)
def test_torchvision(name, side, count):
    check(TorchvisionBackbone((3, side, side), name=name), count)


@pytest.mark.parametrize(("name", "count"), TIMM)
def test_timm(name, count):
    check(TimmBackbone((3, 32, 32), name=name), count)


def test_own_backbones():
    check(Cnn((1, 8, 8)), 3)
    check(Cnn((1, 8, 8), widths=(4, 4)), 2)
    check(Mlp((8,), hidden=(6, 5, 4)), 3)
    assert IdentityBackbone((8,)).stages() == []


def test_a_stage_of_the_small_network_is_its_two_convolutions():
    stages = Cnn((1, 8, 8), widths=(4, 6)).stages()
    widths = [[part.out_channels for part in stage if isinstance(part, nn.Conv2d)] for stage in stages]
    assert widths == [[4, 4], [6, 6]]


def test_what_comes_before_the_first_kernel_belongs_to_the_first_stage():
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))
    assert [len(stage) for stage in find_stages(network)] == [3, 1]


def test_parameters_that_no_child_owns_belong_to_the_stage_before():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 3))
            self.patches = nn.Linear(3, 3)
            self.encoder = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])})
            self.encoder.register_parameter("position", nn.Parameter(torch.zeros(1, 3)))

    network = Tokens()
    first, second, third = ({id(weight) for weight in stage.parameters()} for stage in find_stages(network))
    assert first == {id(weight) for weight in (network.token, network.encoder.position, *network.patches.parameters())}
    assert second == {id(weight) for weight in network.encoder["layers"][0].parameters()}
    assert third == {id(weight) for weight in network.encoder["layers"][1].parameters()}


def test_norms_alone_are_one_stage():
    assert [len(stage) for stage in find_stages(nn.Sequential(nn.BatchNorm1d(3), nn.LayerNorm(3)))] == [2]


def test_a_child_named_like_a_container_that_holds_nothing_is_a_part():
    network = nn.ModuleDict({"encoder": nn.Linear(2, 2), "pool": nn.ReLU()})
    assert [type(part) for part in parts(network)] == [nn.Linear, nn.ReLU]
