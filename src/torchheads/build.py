"""From a configuration and the facts of the data to a module that can be trained, and back from a checkpoint.

Values that cross sections (number of classes, widths, label type) come from the data and the backbone, never from YAML.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger
from torch import nn

from torchheads.allowed_targets import leaves
from torchheads.artifact import not_ours, read_checkpoint, saved_configuration
from torchheads.buffers import learns, mark_unfitted
from torchheads.build_head import build_head
from torchheads.config import instantiate, instantiate_each
from torchheads.errors import CheckpointMismatch, FitError, HeadConfigError, TorchHeadsError
from torchheads.module import ClassificationModule
from torchheads.no_profiler import profile_nothing

RESUMED = ("seed", "data", "augment", "mix", "sampling", "weights", "backbone", "head", "optimizer", "scheduler")
"""The parts of a configuration that a run keeps when it is carried on."""

TRAINER_CHOICES = ("accelerator", "devices", "strategy", "precision")


def build_module(config: Mapping[str, Any], facts: Mapping[str, Any]) -> ClassificationModule:
    """The module of a configuration for data with these facts.

    The backbone is built first, so that its initial weights are the same bits whatever the head.

    Raises:
        HeadConfigError: those of `build_head`.
    """
    backbone = instantiate(config["backbone"], input_shape=tuple(facts["input_shape"]))
    head = build_head(config["head"], facts, backbone.out_features, str(config["backbone"].get("_target_")))
    parts = {key: instantiate(config[key]) for key in ("optimizer", "scheduler")}
    return ClassificationModule(backbone, head, **parts, hyper_parameters={"config": config, "facts": facts})


def build_trainer(config: Mapping[str, Any], folder: Path) -> Trainer:
    """The trainer of a configuration; everything it writes goes into the run's folder.

    Raises:
        HeadConfigError: code H25, when Lightning refuses the options, such as a GPU where there is none.
    """
    quieten_lightning()
    callbacks: list[Callback] = instantiate_each(config.get("callbacks"))
    loggers: list[Logger] = instantiate_each(config.get("logger"), folder=str(folder))
    places = {"callbacks": callbacks, "logger": loggers, "default_root_dir": str(folder)}
    try:
        trainer: Trainer = instantiate(config["trainer"], **places)
    except TorchHeadsError:
        raise
    except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
        options = ", ".join(f"trainer.{key}={config['trainer'].get(key)}" for key in TRAINER_CHOICES)
        problem = f"Lightning refuses the trainer ({first_line(error)}); it was asked for {options}"
        raise HeadConfigError("H25", problem, "trainer=cpu, or other values of these") from error
    profile_nothing(trainer)
    return trainer


def quieten_lightning() -> None:
    """Keep Lightning to what a user can act on: no tips, no list of devices that are not there."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        ".*in eval mode at the start of training.*",  # frozen stages stay in it
        ".*treespec, LeafSpec.*",  # Lightning 2.6 calling newer torch
        ".*smaller than the logging interval.*",  # everything here is logged once an epoch
        ".*sync_dist=True.*",  # what is logged here is the value of all ranks already
    ):
        warnings.filterwarnings("ignore", message=message)


def load_to_answer(config: Mapping[str, Any]) -> ClassificationModule:
    """The module of ``config.checkpoint``, with the decision and calibration that an evaluation or prediction names.

    Raises:
        FitError: code F01, when the decision must be fitted for what was named; and those of `load_module`.
    """
    parts = {"decision": config["decision"], "calibrator": config["calibration"]}
    module = load_module(config["checkpoint"], parts)
    if any(part is not None for part in parts.values()):  # then there is one head
        head: Any = module.head
        for part in (head.calibrator, head.decision):
            if not part.fitted:
                name = type(part).__name__
                problem = f"{config['checkpoint']} holds no {name} that was fitted with these options and calibration"
                options = " ".join(f"{option}=..." for option in ("decision", "calibration") if config[option])
                remedy = f"torchheads calibrate checkpoint={config['checkpoint']} {options}, or decision=threshold"
                raise FitError("F01", problem, remedy)
    return module


def load_module(checkpoint: str | Path, parts: Mapping[str, Any] | None = None) -> ClassificationModule:
    """The module a checkpoint was saved from, with its weights, its fitted decision and its hyper-parameters.

    The file is read as data only (``weights_only=True``); nothing in it can run.

    Args:
        checkpoint: the file.
        parts: configurations that replace parts of the head, such as ``decision``; None keeps a part. Numbers they
            name win over the saved ones, and a decision with nothing to learn keeps its own. Under another calibrator
            than the saved one decision and guarantee are not fitted, since they were on the scores of that one.

    Raises:
        CheckpointCorrupt: code K01, when the file is no checkpoint.
        UnsafeArtifact: code K05, when it holds Python objects.
        CheckpointMismatch: code K03, when it is a checkpoint of something else.
        HeadConfigError: code H25, for a part named for several heads at once.
    """
    state = read_checkpoint(checkpoint)
    config, facts = saved_configuration(checkpoint, state)
    chosen = {key: part for key, part in (parts or {}).items() if part is not None}
    if chosen and "heads" in config.get("head", {}):
        problem = f"{checkpoint} has several heads, which cannot all be given the same {' and '.join(chosen)}"
        raise HeadConfigError("H25", problem, "the same without it: each head answers by its own")
    try:
        # published weights are not read again: those of the checkpoint come in their place
        backbone = {key: None if key == "weights" else value for key, value in config["backbone"].items()}
        module = build_module({**config, "backbone": backbone, "head": {**config["head"], **chosen}}, facts)
        load_head_with(module, state["state_dict"], chosen)
        module.hparams["config"] = {**module.hparams["config"], "backbone": config["backbone"]}
    except TorchHeadsError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise not_ours(checkpoint, f"its weights and its configuration do not fit: {first_line(error)}") from error
    return module.eval()


def load_head_with(module: ClassificationModule, state: Mapping[str, Any], chosen: Mapping[str, Any]) -> None:
    """Load a state into a module some parts of whose head were chosen beside it."""
    head: Any = module.head
    if "decision" in chosen and not any(map(learns, head.decision.modules())):
        head.decision.named = True  # decision=threshold is 0.5, whatever the checkpoint decides by
    module.load_state_dict(state)
    if "calibrator" in chosen and not is_saved_calibrator(head.calibrator, state):
        for part in filter(None, (head.decision, head.guarantee)):
            mark_unfitted(part)


def is_saved_calibrator(calibrator: nn.Module, state: Mapping[str, Any]) -> bool:
    """Whether a calibrator of the one head holds the numbers of a state, so that its scores are those saved."""
    place = "head.calibrator."
    saved = {key.removeprefix(place): value for key, value in state.items() if key.startswith(place)}
    own = calibrator.state_dict()
    saved.setdefault("kind", own.get("kind"))  # not in older states
    return own.keys() == {key for key in saved if saved[key] is not None} and all(
        torch.equal(value, saved[name].to(value)) for name, value in own.items()
    )


def check_resumable(checkpoint: str | Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse to carry a run on as another one: that would be neither of the two. Returns the facts of its data.

    Raises:
        CheckpointMismatch: code K03, when the checkpoint is not one to go on from; K07, naming the keys that differ.
    """
    state = read_checkpoint(checkpoint)
    saved, facts = saved_configuration(checkpoint, state)
    if "optimizer_states" not in state:
        raise not_ours(checkpoint, "it holds the weights alone, without the state of the optimizer", "last.ckpt")
    before, now = (
        {path: value for path, _, value in leaves({key: part.get(key) for key in RESUMED})} for part in (saved, config)
    )
    differ = [key for key in sorted(before | now) if before.get(key) != now.get(key)]
    if differ:
        changes = ", ".join(f"{key}={now.get(key)} (there {before.get(key)})" for key in differ[:4])
        problem = f"{checkpoint} is of a run with other options: {changes}"
        raise CheckpointMismatch("K07", problem, "the options of that run, which its config.yaml holds")
    if shares_weights(config) and not shares_weights(saved):  # Lightning would take the states for other weights'
        problem = f"{checkpoint} holds optimizer states that are not numbered as trainer=fsdp numbers them"
        raise CheckpointMismatch("K07", problem, "trainer=ddp; a run of fsdp may go on under any trainer")
    epochs, wanted = (
        state["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"],
        config["trainer"]["max_epochs"],
    )
    if wanted is not None and 0 <= wanted < epochs:
        problem = f"{checkpoint} is of a run with {epochs} epochs behind it, and trainer.max_epochs={wanted}"
        raise CheckpointMismatch("K07", problem, f"trainer.max_epochs={2 * epochs}")
    return dict(facts)


def shares_weights(config: Mapping[str, Any]) -> bool:
    """Whether the weights of a run are shared out over ranks, as ``trainer=fsdp`` does it.

    Example:
        >>> shares_weights({"trainer": {"strategy": "ddp"}})
        False
    """
    strategy = config["trainer"].get("strategy")
    return isinstance(strategy, Mapping) and str(strategy.get("_target_")).endswith(".ModelParallelStrategy")


def first_line(error: BaseException) -> str:
    """The first sentence of an error's text; the first entry too, where it heads a list."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    heading = lines[0].partition(". ")[0]
    return " ".join([heading, *lines[1:2]] if heading.endswith(":") else [heading])[:200].rstrip(". ")
