"""``head=auto``: the head that fits the data in its place, before anything is built; what is saved names that head."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torchheads.artifact import read_checkpoint, saved_configuration
from torchheads.build_head import PARTS_OF_ONE_HEAD
from torchheads.data import ClassificationData
from torchheads.data.overview import Advice, advised_heads
from torchheads.errors import HeadConfigError
from torchheads.run_folder import save_config

TARGETS = {"softmax": "torchheads.SoftmaxHead", "sigmoid": "torchheads.SigmoidHead"}
OF_SEVERAL = ("heads", "loss_weights", *PARTS_OF_ONE_HEAD)
"""Keys that stay above the heads where there are several; the others are options of each."""


def asks_data(config: Mapping[str, Any]) -> bool:
    """Whether the head of a configuration is still to be found from the data.

    Raises:
        HeadConfigError: code H13, for ``head.auto`` with another value than true.
    """
    auto = config["head"].get("auto")
    if auto not in (None, True):
        raise HeadConfigError("H13", f"head.auto={auto!r}; allowed true", "head=softmax, head=sigmoid or head=multi")
    return auto is True


def settle_head(config: dict[str, Any], data: ClassificationData, folder: Path, speaks: bool) -> dict[str, Any]:
    """The configuration with the head that fits its data; as it is where it names one.

    What was found is said in one line, kept as ``head_advice``, and written into the folder's ``config.yaml``: a run
    that goes on and a checkpoint that is evaluated need no second look.

    Args:
        config: of a run.
        data: its data.
        folder: of the run.
        speaks: whether this process is the one that prints and writes.

    Raises:
        HeadConfigError: code H13, see `asks_data`.
    """
    if not asks_data(config):
        return config
    advice = advised_heads(data)
    settled = {**config, "head": settled_head(config["head"], advice), "head_advice": in_words(advice)}
    if speaks:
        save_config(settled, folder)
        print(f"head=auto takes {settled['head_advice']}", flush=True)
    return settled


def resume_head(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the head that the run before found, where its own is still to be found.

    Raises:
        HeadConfigError: code H13, see `asks_data`.
    """
    if not asks_data(config):
        return config
    saved, _ = saved_configuration(config["resume"], read_checkpoint(config["resume"]))
    advice = {"head_advice": saved["head_advice"]} if "head_advice" in saved else {}
    tasks = named_targets(saved["head"])
    return {**config, "head": with_targets(config["head"], tasks)} | advice


def settled_head(head: Mapping[str, Any], advice: Mapping[str, Advice]) -> dict[str, Any]:
    """The configuration of the head that was advised, with the options of ``head=auto``.

    Args:
        head: of ``head=auto``.
        advice: by task; of one task under the empty name.

    Example:
        >>> settled_head({"auto": True, "prior": "data"}, {"": Advice("sigmoid", "some have none")})
        {'_target_': 'torchheads.SigmoidHead', 'prior': 'data'}
    """
    return with_targets(head, {task: TARGETS[chosen.head] for task, chosen in advice.items()})


def with_targets(head: Mapping[str, Any], targets: Mapping[str, str]) -> dict[str, Any]:
    """The options of ``head=auto`` as those of one class, or of several by task.

    Example:
        >>> with_targets({"auto": True, "prior": 0.1, "decision": None}, {"tags": "torchheads.SigmoidHead"})["heads"]
        {'tags': {'_target_': 'torchheads.SigmoidHead', 'prior': 0.1}}
    """
    options = {key: value for key, value in head.items() if key != "auto"}
    if "" in targets:
        return {"_target_": targets[""], **options}
    above = {key: options.pop(key) for key in OF_SEVERAL if key in options}
    given = above.pop("heads", None) or {}
    heads = {task: {"_target_": target, **options, **(given.get(task) or {})} for task, target in targets.items()}
    others = {task: part for task, part in given.items() if task not in heads}  # of no task: build_head says so
    return {"_target_": "torchheads.MultiHead", "heads": heads | others, **above}


def named_targets(head: Mapping[str, Any]) -> dict[str, str]:
    """The classes in the configuration of a head, by task; one stands under the empty name.

    Example:
        >>> named_targets({"_target_": "torchheads.SoftmaxHead", "prior": None})
        {'': 'torchheads.SoftmaxHead'}
    """
    if "heads" not in head:
        return {"": str(head.get("_target_"))}
    return {task: str((part or {}).get("_target_")) for task, part in (head["heads"] or {}).items()}


def in_words(advice: Mapping[str, Advice]) -> str:
    """The heads that were advised and why, in one line.

    Example:
        >>> in_words({"": Advice("sigmoid", "2 of 3 rows have several labels")})
        'sigmoid: 2 of 3 rows have several labels'
    """
    if "" in advice:
        return f"{advice[''].head}: {advice[''].reason}"
    return "multi: " + "; ".join(f"{chosen.head} for {task} ({chosen.reason})" for task, chosen in advice.items())
