"""Held-out logits of every training row: each by a model that was trained, as the run's own was, on the other rows."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torchheads.artifact import Rows
from torchheads.artifact.collector import joined, joined_masks
from torchheads.build import build_trainer
from torchheads.build_run import fresh_module, take_weights
from torchheads.data import ClassificationData
from torchheads.data.folds import fold_rows, held_out_fold

SPOKEN = ("progress", "start_summary")
"""Callbacks that the training of a fold does without."""


def out_of_fold(config: Mapping[str, Any], data: ClassificationData, folds: int, folder: Path) -> Rows:
    """Train a model for each fold of the training rows, without these, and let it judge them.

    Configuration, seed and choice of weights are the run's. Where features of a frozen backbone are cached, only the
    head is trained.

    Args:
        config: of the run, as a plain dict.
        data: of the run.
        folds: how many, from 2.
        folder: of the run; what a fold writes is removed again.

    Returns:
        All training rows, fold after fold, on the CPU; ``index`` counts within each fold.
    """
    parts = []
    for number, rows in enumerate(fold_rows(data, folds), start=1):
        print(f"crossfit: fold {number} of {folds}, {len(rows)} rows held out", flush=True)
        parts.append(fold_logits(config, held_out_fold(data, rows), folder / f"fold_{number}"))
    index, logits, target, masks = (list(values) for values in zip(*parts, strict=True))
    sizes = [len(rows) for rows in index]
    return Rows(joined(index), joined(logits), joined(target), joined_masks(masks, sizes))


def fold_logits(config: Mapping[str, Any], data: ClassificationData, folder: Path) -> Rows:
    """Train as the run does, but with all checkpoints in the folder, and judge the calibration split."""
    given = {name: part for name, part in (config["callbacks"] or {}).items() if name not in SPOKEN}
    callbacks = {name: {**part, "dirpath": None} if "dirpath" in part else part for name, part in given.items()}
    trainer_options = {**config["trainer"], "enable_progress_bar": False}
    trainer = build_trainer({"callbacks": callbacks, "logger": None, "trainer": trainer_options}, folder)
    if trainer.is_global_zero:
        shutil.rmtree(folder, ignore_errors=True)  # of a crossfit that was cut off
    trainer.strategy.barrier()
    module = fresh_module(config, data)
    trainer.fit(module, datamodule=data)
    take_weights(trainer, module)
    trainer.predict(module, dataloaders=data.calibration_dataloader(), return_predictions=False)
    trainer.strategy.barrier()
    if trainer.is_global_zero:
        shutil.rmtree(folder, ignore_errors=True)
    return module.collected
