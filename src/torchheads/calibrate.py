"""Calibrator, decision and guarantee of a trained checkpoint, fitted afterwards on rows that training has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from rich.console import Console

from torchheads.artifact import read_checkpoint
from torchheads.build import build_trainer, load_module
from torchheads.build_data import build_data, open_data
from torchheads.config import check_targets, make_output
from torchheads.data import ClassificationData
from torchheads.data.functional.digests import repeats_between
from torchheads.data.overview.duplicates import split_keys
from torchheads.errors import FitError
from torchheads.fit_parts import fitted_record
from torchheads.heads import named_heads
from torchheads.module import ClassificationModule
from torchheads.targets import named

PARTS = {"decision": "decision", "calibrator": "calibration", "guarantee": "guarantee"}
"""The parts that can be fitted, by the head's own words for them, and their options."""


def calibrate(config: DictConfig, folder: Path) -> Path:
    """Fit the parts of ``config.checkpoint`` on ``config.split`` and write a checkpoint that has learned them.

    Args:
        config: as composed from ``configs/calibrate.yaml``.
        folder: where ``fitted.ckpt`` goes unless ``config.output`` names a file.

    Returns:
        The file written.

    Raises:
        FitError: code Z01, for the test split; Z03, for rows that the model was trained on; and those of the parts.
    """
    plain = check_targets(config)
    check_split(plain["split"])
    output = make_output(Path(plain["output"] or folder / "fitted.ckpt"))
    module = load_module(plain["checkpoint"], {part: plain[option] for part, option in PARTS.items()})
    data = open_data(plain["data"], module)
    if plain["data"] is not None:
        check_unseen(module, data, plain["split"])
    trainer = build_trainer(plain, folder)
    trainer.predict(module, dataloaders=data.evaluation_dataloader(plain["split"]), return_predictions=False)
    for name, head in named_heads(module.head.cpu()).items():
        rows: list[Any] = [named(tree).get(name) for tree in module.collected[1:]]
        head.fit_held_out(*rows)
    if trainer.is_global_zero:
        state = read_checkpoint(plain["checkpoint"])
        learned = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
        torch.save({**state, **learned}, output)
        console = Console()
        console.print(f"Fitted on {len(module.collected.index)} {plain['split']} rows of {data.name}:")
        for part, learned_part in fitted_record(module.head).items():
            console.print(f"  {part}: {learned_part}")
        console.print(f"Checkpoint: {output}", soft_wrap=True)
    return output


def check_split(split: str) -> None:
    """Refuse the splits that nothing may be fitted on.

    Raises:
        FitError: code Z01, for the test split; Z03, for the training split.
    """
    if split == "test":
        problem = "split=test: what is fitted on test rows cannot be tested any more"
        raise FitError("Z01", problem, "split=calibration, or split=val")
    if split == "train":
        problem = "split=train: the model knows these rows, so that its scores there are better than anywhere else"
        raise FitError("Z03", problem, "split=calibration, or decision.fit=crossfit in train")


def check_unseen(module: ClassificationModule, data: ClassificationData, split: str) -> None:
    """Refuse rows of other data that are training rows of the module, found by their content.

    Raises:
        FitError: code Z03.
    """
    saved: Any = module.hparams["config"]
    trained = build_data(saved["data"], saved["backbone"])
    inputs = {"train": trained.split("train").input, "held_out": data.split(split).input}
    labels = {name: torch.zeros(len(rows), 1) for name, rows in inputs.items()}
    keys = split_keys(inputs, labels)
    found = repeats_between(*keys["train"][1:3], *keys["held_out"][1:3])
    if found.rows:
        first = int(keys["held_out"].rows[found.examples[0][1]])
        problem = (
            f"{found.rows} of {len(inputs['held_out'])} {split} rows of {data.name} are rows that the model was trained"
            f" on, such as row {first}"
        )
        raise FitError("Z03", problem, "rows of their own, or the data of the run (no data=...)")
