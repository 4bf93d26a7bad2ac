"""Checkpoints that are whole or not there: written beside their place, then moved to it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, final

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import Trainer


@final
class WholeFiles(TorchCheckpointIO):
    """Lightning's ``TorchCheckpointIO`` that writes to a file of the same folder, and moves that over the old one.

    Lightning writes a checkpoint to memory, then to the folder for temporary files, and moves it from there, which is
    a copy where that folder lies on another disk: a kill in its midst leaves half a file. Here there is no copy in
    memory, and moving within a folder is one step.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint to a local path; as Lightning to any other."""
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        part = beside(path)
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.save(checkpoint, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def write_again(self, path: str | Path, other: str | Path) -> None:
        """Let a checkpoint have another name too; a copy where the disk knows one name a file.

        Neither changes with the other: what is written later to one of the names is another file.
        """
        part = beside(other)
        part.unlink(missing_ok=True)
        try:
            os.link(path, part)
        except OSError:
            shutil.copyfile(path, part)
        part.replace(other)


def beside(path: str | Path) -> Path:
    """Where a file is written until it is whole.

    Example:
        >>> beside("runs/last.ckpt").name
        'last.ckpt.part'
    """
    return Path(f"{path}.part")


def write_whole_files(trainer: Trainer) -> None:
    """Let a trainer that writes checkpoints in Lightning's own way write `WholeFiles`."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = WholeFiles()
