"""From a configuration to a head, or to several on one backbone; their sizes are those of data and backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchheads.decisions import FittedThreshold
from torchheads.errors import HeadConfigError
from torchheads.heads import ClassificationHead, MultiHead
from torchheads.instantiate import instantiate
from torchheads.targets import named

SIZES = ("num_classes", "label_type", "class_names")
"""What a head takes from the data."""

NATURAL_HEADS = {"single": "torchheads.SoftmaxHead", "multi": "torchheads.SigmoidHead"}
"""The head of a task that none was named for, by label type."""

PARTS_OF_ONE_HEAD = {"criterion": "loss", "decision": "decision", "calibrator": "calibration", "guarantee": "guarantee"}
"""What each head has of its own, by its word for it, and the option that names it."""


def build_head(
    config: Mapping[str, Any], facts: Mapping[str, Any], in_features: int, backbone: str
) -> ClassificationHead | MultiHead:
    """One head for data of one task; several for data of several, where a task without a head gets the natural one.

    Args:
        config: of a head, or of a `MultiHead` with the configurations of its heads by task.
        facts: as `torchheads.build.data_facts` gives them.
        in_features: how wide the features are.
        backbone: whose width that is, for messages.

    Raises:
        HeadConfigError: code H12, for a head without a class; H26, when a head was told what the data or the backbone
            say otherwise, or one head is to answer several tasks; H25, for a part that several heads cannot share.
    """
    if "_target_" not in config:
        problem = "head has no _target_, which head=auto gets when train.py has seen the data; here it must have one"
        raise HeadConfigError("H12", problem, "head=softmax, head=sigmoid or head=multi")
    check_tasks(config, facts)
    tasks, owners = named(facts["label_type"]), dict.fromkeys(SIZES, facts["data"]) | {"in_features": backbone}
    sizes = {task: {key: named(facts[key])[task] for key in SIZES} | {"in_features": in_features} for task in tasks}
    if "heads" not in config:
        return build_one(config, sizes[""], "head", owners)
    given = config["heads"] or {}
    chosen = {task: {"_target_": NATURAL_HEADS[tasks[task]], **(given.get(task) or {})} for task in tasks}
    heads = {task: build_one(chosen[task], sizes[task], f"head.heads.{task}", owners) for task in tasks}
    rest = {key: value for key, value in config.items() if key not in PARTS_OF_ONE_HEAD}
    several: MultiHead = instantiate({**rest, "heads": None}, heads=heads)
    return several


def build_one(
    config: Mapping[str, Any], sizes: Mapping[str, Any], place: str, owners: Mapping[str, str]
) -> ClassificationHead:
    """One head, of the sizes that data and backbone have, which learns its thresholds where sets are asked for.

    Raises:
        HeadConfigError: code H26, when the configuration says otherwise.
    """
    for key in ("label_type", "num_classes", "in_features"):
        told = config.get(key)
        if told not in (None, "???", sizes[key]):
            problem = f"{place}.{key}={told}, but {key} of {owners[key]} is {sizes[key]}"
            raise HeadConfigError("H26", problem, f"the same without {place}.{key}, or data of which it is true")
    fitted = {"decision": FittedThreshold()} if sizes["label_type"] == "multi" else {}  # where none was named
    head: ClassificationHead = instantiate(config, **sizes, **fitted)
    return head


def check_tasks(config: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Refuse one head for several tasks, several for one, a head of no task, and a part for all heads at once."""
    name, tasks = facts["data"], list(named(facts["label_type"]))
    if "heads" not in config and tasks != [""]:
        problem = f"head is one {config.get('_target_')}, but {name} has several tasks: {', '.join(tasks)}"
        raise HeadConfigError("H26", problem, "head=multi")
    if "heads" not in config:
        return
    if tasks == [""]:
        problem = f"head has several heads by task, but {name} has one task"
        raise HeadConfigError("H26", problem, "head=softmax, head=sigmoid, or data=canvas_tasks")
    for task in config["heads"] or {}:
        if task not in tasks:
            problem = f"head.heads.{task} is of no task of {name}; allowed: {', '.join(tasks)}"
            raise HeadConfigError("H26", problem, f"the same without head.heads.{task}")
    for part, option in PARTS_OF_ONE_HEAD.items():
        if config.get(part) is not None:
            problem = f"{option} names a part of one head, and there are several: {', '.join(tasks)}"
            remedy = f"+{option}@head.heads.{tasks[-1]}.{part}=... in place of {option}=..."
            raise HeadConfigError("H25", problem, remedy)
