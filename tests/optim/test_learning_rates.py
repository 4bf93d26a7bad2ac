"""Learning rates by depth, worked by hand for three stages, and what a schedule makes of them."""

import math

import pytest
import torch
from torch import nn

from torchheads import SoftmaxHead
from torchheads.backbones import Cnn, IdentityBackbone, TorchvisionBackbone
from torchheads.errors import HeadConfigError
from torchheads.module import ClassificationModule
from torchheads.optim import adamw, parameter_groups, sgd, warmup_cosine
from torchheads.optim.learning_rates import LearningRates, stages_of


def three_stages(**options):
    return ClassificationModule(Cnn((1, 8, 8), widths=(2, 3, 4), **options), SoftmaxHead(4, 5))


def rates(optimizer):
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


@pytest.mark.parametrize("factory", [adamw, sgd])
def test_three_stages_by_hand(factory):
    # J = 3 stages at lr 0.08, decay 1/2: 0.08 / 8, 0.08 / 4, 0.08 / 2; the head 0.08 * 10
    module = three_stages()
    optimizer = factory(module, lr=0.08, head_lr_factor=10, layer_decay=0.5)
    by_hand = {"stage 0": 0.01, "stage 1": 0.02, "stage 2": 0.04, "head": 0.8}
    assert rates(optimizer) == pytest.approx(by_hand | {f"{name}, no decay": lr for name, lr in by_hand.items()})
    names = {id(weight): name for name, weight in module.named_parameters()}
    for group in optimizer.param_groups:
        place, _, exempt = group["name"].partition(", ")
        own = module.head if place == "head" else module.backbone.stages()[int(place.removeprefix("stage "))]
        assert {id(weight) for weight in group["params"]} <= {id(weight) for weight in own.parameters()}
        assert all((weight.ndim < 2) == bool(exempt) for weight in group["params"])
        assert (group["weight_decay"] == 0) == bool(exempt)
    grouped = [names[id(weight)] for group in optimizer.param_groups for weight in group["params"]]
    assert sorted(grouped) == sorted(names.values())


def test_the_head_alone():
    optimizer = adamw(three_stages(), lr=0.08, head_lr_factor=0.5)
    by_hand = {"backbone": 0.08, "head": 0.04}
    assert rates(optimizer) == pytest.approx(by_hand | {f"{name}, no decay": lr for name, lr in by_hand.items()})


def test_one_rate_for_all_is_two_groups():
    optimizer = sgd(three_stages(), lr=0.1)
    assert rates(optimizer) == {"all": 0.1, "all, no decay": 0.1}


def test_a_step_is_as_long_as_its_rate():
    # one step of Adam without decay moves each weight by its learning rate, whatever the gradient
    module = three_stages()
    optimizer = adamw(module, lr=0.08, weight_decay=0, head_lr_factor=2, layer_decay=0.5)
    before = {name: weight.detach().clone() for name, weight in module.named_parameters()}
    for weight in module.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    moved = {name: (before[name] - weight.detach()) for name, weight in module.named_parameters()}
    for prefix, length in (("backbone.layers.0.", 0.01), ("backbone.layers.7.", 0.02), ("head.", 0.16)):
        for name, way in moved.items():
            if name.startswith(prefix):
                torch.testing.assert_close(way, torch.full_like(way, length), rtol=1e-4, atol=1e-6)


def test_a_schedule_multiplies_each_rate():
    optimizer = adamw(three_stages(), lr=0.08, head_lr_factor=10, layer_decay=0.5)
    peak = rates(optimizer)
    schedule = warmup_cosine(optimizer, total_steps=10, warmup=0.0)
    for _ in range(5):  # half of a cosine wave down
        optimizer.step()
        schedule.step()
    assert rates(optimizer) == pytest.approx({name: lr / 2 for name, lr in peak.items()})


def test_frozen_stages_have_no_group_and_keep_their_numbers():
    optimizer = adamw(three_stages(freeze=1), lr=0.08, layer_decay=0.5)
    assert {name.partition(",")[0] for name in rates(optimizer)} == {"stage 1", "stage 2", "head"}
    assert rates(optimizer)["stage 1"] == pytest.approx(0.02)
    assert "stage 0" in rates(adamw(three_stages(freeze="until_epoch:2"), lr=0.08, layer_decay=0.5))


def test_groups_of_another_process_take_the_state():
    options = {"lr": 0.08, "head_lr_factor": 10, "layer_decay": 0.5}
    optimizer = sgd(three_stages(), **options)
    again = sgd(three_stages(), **options)
    again.load_state_dict(optimizer.state_dict())
    assert rates(again) == rates(optimizer)


def test_a_shared_weight_is_in_one_group():
    module = nn.ModuleDict({"backbone": nn.Sequential(nn.Linear(3, 3)), "head": nn.Linear(3, 3)})
    module["head"].weight = module["backbone"][0].weight
    groups = parameter_groups(module, 0.1, LearningRates(0.1, head_lr_factor=5))
    assert {group["name"]: len(group["params"]) for group in groups} == {
        "backbone": 1,
        "backbone, no decay": 1,
        "head, no decay": 1,
    }


def test_what_is_neither_backbone_nor_head_has_the_plain_rate():
    module = nn.ModuleDict({"backbone": nn.Linear(3, 3), "head": nn.Linear(3, 3), "else": nn.Linear(3, 3)})
    groups = parameter_groups(module, 0.1, LearningRates(0.1, head_lr_factor=5, layer_decay=0.5))
    assert {group["name"]: group["lr"] for group in groups if "no" not in group["name"]} == pytest.approx(
        {"stage 0": 0.05, "head": 0.5, "other": 0.1}
    )


def test_a_backbone_without_parameters():
    module = ClassificationModule(IdentityBackbone((4,)), SoftmaxHead(4, 5))
    assert rates(adamw(module, lr=0.1, head_lr_factor=2, layer_decay=0.5)) == {"head": 0.2, "head, no decay": 0.2}


def test_stages_of_other_modules_and_of_what_torch_compile_made():
    class Stages(nn.Module):  # as in timm: ``stages`` is a module, which can be called
        def __init__(self):
            super().__init__()
            self.stages = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))

    assert len(stages_of(Stages())) == 2
    assert len(stages_of(TorchvisionBackbone((3, 8, 8)))) == 5
    assert len(stages_of(torch.compile(Cnn((1, 8, 8)), backend="eager"))) == 3


@pytest.mark.parametrize("options", [{"head_lr_factor": 2}, {"layer_decay": 0.5}])
@pytest.mark.parametrize("factory", [adamw, sgd])
def test_h34_depth_needs_a_backbone_and_a_head(factory, options):
    with pytest.raises(HeadConfigError, match=r"TH-H34: Linear has no backbone; .*Try: ClassificationModule"):
        factory(nn.Linear(3, 2), **options)
    with pytest.raises(HeadConfigError, match="TH-H34: ModuleDict has no head"):
        factory(nn.ModuleDict({"backbone": nn.Linear(3, 2)}), **options)
    assert factory(nn.Linear(3, 2), head_lr_factor=1, layer_decay=1.0)


@pytest.mark.parametrize("factory", [adamw, sgd])
@pytest.mark.parametrize("option", ["head_lr_factor", "layer_decay"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "2", None, True])
def test_factors_that_are_none_are_refused(factory, option, value):
    with pytest.raises(HeadConfigError, match=rf"TH-H13: optimizer\.{option}=.*a number above 0.*Try: optimizer"):
        factory(three_stages(), **{option: value})


def test_a_layer_decay_above_one_is_refused():
    with pytest.raises(HeadConfigError, match=r"TH-H13: optimizer\.layer_decay=1\.5; .* above 0 and up to 1"):
        adamw(three_stages(), layer_decay=1.5)
