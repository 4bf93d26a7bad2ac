"""A module ready to be trained, and the weights it is left with afterwards: of a run, and of each fold of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer, seed_everything

from torchheads.artifact import read_checkpoint
from torchheads.build import build_module
from torchheads.build_data import data_facts
from torchheads.class_weights import tell_frequencies
from torchheads.data import ClassificationData
from torchheads.module import ClassificationModule
from torchheads.optim.sharding import load_weights


def fresh_module(config: Mapping[str, Any], data: ClassificationData) -> ClassificationModule:
    """The module of a run before training: built from the run's seed, told the class frequencies, compiled if asked."""
    seed_everything(config["seed"], verbose=False)
    module = build_module(config, data_facts(data))
    tell_frequencies(module.head, data, config.get("weights"))
    if config["compile"]:
        module.backbone.compile()  # in place, so that checkpoints keep their keys
        module.head.compile()
    return module


def take_weights(trainer: Trainer, module: ClassificationModule) -> None:
    """Go back to the weights of the best validation; keep the last ones where asked to or where nothing watched."""
    callback = trainer.checkpoint_callback
    best = getattr(callback, "best_model_path", "")
    if best and getattr(callback, "weights", "best") == "best":
        load_weights(module, read_checkpoint(best)["state_dict"])
