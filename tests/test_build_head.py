"""A head for each task of the data, and what does not fit said in one line."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_module

from torchheads import MultiHead, SigmoidHead, SoftmaxHead
from torchheads.build import build_module
from torchheads.build_data import data_facts
from torchheads.config import check_config, instantiate
from torchheads.errors import HeadConfigError


@pytest.fixture(autouse=True, scope="module")
def hydra() -> Iterator[None]:
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        yield


def module_of(*overrides: str) -> Any:
    config = check_config(compose("train", ["backbone=identity", *overrides]))
    return build_module(config, data_facts(instantiate(config["data"])))


@pytest.mark.parametrize("options", [["data=canvas_tasks", "head=multi"], ["experiment=canvas_tasks"]])
def test_every_task_gets_its_natural_head_in_its_size(options: list[str]) -> None:
    head = module_of(*options).head
    assert type(head) is MultiHead
    found = {name: (type(part), part.label_type, part.num_classes, part.in_features) for name, part in head.items()}
    expected = {"top_left": (SoftmaxHead, "single", 11, 256), "present": (SigmoidHead, "multi", 10, 256)}
    assert found == expected
    assert dict(head.items())["top_left"].class_names[-1] == "empty"
    assert head.loss_weights == {"top_left": 1.0, "present": 1.0}


def test_a_head_of_a_task_and_its_weight_are_chosen_by_a_word() -> None:
    options = ["head@head.heads.present=softmax", "head.heads.top_left.prior=data", "head.loss_weights.present=0.5"]
    head = module_of("experiment=canvas_tasks", *options).head
    assert {name: type(part) for name, part in head.items()} == {"top_left": SoftmaxHead, "present": SoftmaxHead}
    assert [part.awaits_prior for _, part in head.items()] == [True, False]
    assert head.loss_weights == {"top_left": 1.0, "present": 0.5}
    smooth = ["+loss@head.heads.top_left.criterion=cross_entropy", "head.heads.top_left.criterion.label_smoothing=0.1"]
    head = module_of("experiment=canvas_tasks", *smooth).head
    assert dict(head.items())["top_left"].criterion.label_smoothing == 0.1


def test_a_part_of_a_task_that_keeps_its_natural_head() -> None:
    options = ["data=canvas_tasks", "head=multi", "+loss@head.heads.present.criterion=binary_cross_entropy"]
    head = module_of(*options, "head.heads.present.criterion.label_smoothing=0.1").head.heads["present"]
    assert type(head) is SigmoidHead
    assert head.criterion.label_smoothing == 0.1


def test_backbones_start_from_the_same_bits_as_with_one_head() -> None:
    weights = []
    for options in (["data=digit_canvases"], ["experiment=canvas_tasks"]):
        torch.manual_seed(0)
        backbone = module_of(*options, "backbone=mlp").backbone
        weights.append(torch.cat([parameter.detach().flatten() for parameter in backbone.parameters()]))
    assert torch.equal(*weights)


@pytest.mark.parametrize(
    ("options", "code", "problem", "remedy"),
    [
        ("data=canvas_tasks head=softmax", "H26", "canvas_tasks has several tasks: top_left, present", "head=multi"),
        ("data=digits head=multi", "H26", "digits has one task", "head=softmax, head=sigmoid, or data=canvas_tasks"),
        (
            "experiment=canvas_tasks head@head.heads.present=softmax +head@head.heads.tags=softmax",
            "H26",
            "head.heads.tags is of no task of canvas_tasks; allowed: top_left, present",
            "the same without head.heads.tags",
        ),
        (
            "experiment=canvas_tasks head.heads.top_left.num_classes=10",
            "H26",
            "head.heads.top_left.num_classes=10, but num_classes of canvas_tasks is 11",
            "the same without head.heads.top_left.num_classes",
        ),
        (
            "experiment=canvas_tasks loss=cross_entropy",
            "H25",
            "loss names a part of one head, and there are several: top_left, present",
            "+loss@head.heads.present.criterion=...",
        ),
        ("experiment=canvas_tasks head.loss_weights.present=-1", "H29", "loss_weights", "loss_weights="),
    ],
)
def test_heads_and_tasks_that_do_not_fit(options: str, code: str, problem: str, remedy: str) -> None:
    with pytest.raises(HeadConfigError) as caught:
        module_of(*options.split())
    assert caught.value.code == code
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
