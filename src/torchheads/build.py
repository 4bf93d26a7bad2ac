"""From a configuration and the facts of the data to a module that can be trained, and back from a checkpoint.

Values that cross sections (number of classes, widths, label type) come from the data and the backbone, never from YAML.
"""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger

from torchheads.config import instantiate, instantiate_each
from torchheads.data import ClassificationData
from torchheads.errors import CheckpointCorrupt, CheckpointMismatch
from torchheads.module import ClassificationModule


def data_facts(data: ClassificationData) -> dict[str, Any]:
    """What a model must know of its data, as plain values that a checkpoint can hold."""
    return {
        "data": data.name,
        "label_type": data.label_type,
        "num_classes": data.num_classes,
        "class_names": list(data.class_names),
        "input_shape": list(data.input_shape),
    }


def open_data(config: Mapping[str, Any] | None, module: ClassificationModule) -> ClassificationData:
    """The data named, or those the module was trained on; refused when their classes are not the module's.

    Raises:
        CheckpointMismatch: code K04, naming what differs.
    """
    data: ClassificationData = instantiate(config or module.hparams["config"]["data"])
    data.setup()
    trained, here = module.hparams["facts"], data_facts(data)
    for key in ("label_type", "class_names", "input_shape"):
        if trained[key] != here[key]:
            problem = (
                f"{key} is {here[key]} in {data.name}; allowed {trained[key]}, which the checkpoint was trained with"
            )
            raise CheckpointMismatch("K04", problem, "data of the same kind, or leave data out")
    return data


def build_module(config: Mapping[str, Any], facts: Mapping[str, Any]) -> ClassificationModule:
    """The module of a configuration for data with these facts.

    The backbone is built first, so that its initial weights are the same bits whatever the head.
    """
    backbone = instantiate(config["backbone"], input_shape=tuple(facts["input_shape"]))
    sizes = {key: facts[key] for key in ("num_classes", "label_type", "class_names")}
    head = instantiate(config["head"], in_features=backbone.out_features, **sizes)
    parts = {key: instantiate(config[key]) for key in ("optimizer", "scheduler")}
    return ClassificationModule(backbone, head, **parts, hyper_parameters={"config": config, "facts": facts})


def build_trainer(config: Mapping[str, Any], folder: Path) -> Trainer:
    """The trainer of a configuration; everything it writes goes into the run's folder."""
    quieten_lightning()
    callbacks: list[Callback] = instantiate_each(config.get("callbacks"))
    loggers: list[Logger] = instantiate_each(config.get("logger"), folder=str(folder))
    trainer: Trainer = instantiate(config["trainer"], callbacks=callbacks, logger=loggers, default_root_dir=str(folder))
    return trainer


def quieten_lightning() -> None:
    """Keep Lightning to what a user can act on: no tips, no list of devices that are not there."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for message in (
        ".*treespec, LeafSpec.*",  # Lightning 2.6 calling newer torch
        ".*smaller than the logging interval.*",  # everything here is logged once an epoch
        ".*sync_dist=True.*",  # what is logged here is the value of all ranks already
    ):
        warnings.filterwarnings("ignore", message=message)


def load_module(checkpoint: str | Path) -> ClassificationModule:
    """The module a checkpoint was saved from, with its weights, its fitted decision and its hyper-parameters.

    The file is read as data only (``weights_only=True``); nothing in it can run.

    Raises:
        CheckpointCorrupt: code K01, when the file is no checkpoint.
        CheckpointMismatch: code K03, when it is a checkpoint of something else.
    """
    state = read_checkpoint(checkpoint)
    try:
        hyper_parameters = state["hyper_parameters"]
        module = build_module(hyper_parameters["config"], hyper_parameters["facts"])
        module.load_state_dict(state["state_dict"])
    except (KeyError, TypeError) as error:
        problem = f"{checkpoint} is a checkpoint, but not one of a torchheads run (no {error})"
        raise CheckpointMismatch("K03", problem, "checkpoint=<run folder>/checkpoints/final.ckpt") from error
    return module.eval()


def read_checkpoint(checkpoint: str | Path) -> dict[str, Any]:
    """The content of a checkpoint file, read without running any of it.

    Raises:
        CheckpointCorrupt: code K01.
    """
    remedy = "checkpoint=<run folder>/checkpoints/final.ckpt"
    if not Path(checkpoint).is_file():
        raise CheckpointCorrupt("K01", f"there is no file {checkpoint}", remedy)
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError, AttributeError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise CheckpointCorrupt("K01", f"{checkpoint} cannot be read as a checkpoint ({reason})", remedy) from error
    if not isinstance(state, dict):
        raise CheckpointCorrupt("K01", f"{checkpoint} holds a {type(state).__name__}, not a checkpoint", remedy)
    return state
