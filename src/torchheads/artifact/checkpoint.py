"""Checkpoint files: read as data only, and what they are in words when they cannot be read."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from torchheads.errors import CheckpointCorrupt, CheckpointMismatch, UnsafeArtifact

CHECKPOINT_REMEDY = "checkpoint=<run folder>/checkpoints/final.ckpt"


def saved_configuration(checkpoint: str | Path, state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration and the facts of the data in a checkpoint.

    Raises:
        CheckpointMismatch: code K03, when they are not there.
    """
    saved = state.get("hyper_parameters")
    if not isinstance(saved, Mapping) or not all(isinstance(saved.get(key), Mapping) for key in ("config", "facts")):
        raise not_ours(checkpoint, "it holds no configuration of torchheads")
    if not isinstance(state.get("state_dict"), Mapping):
        raise not_ours(checkpoint, "it holds no weights")
    return dict(saved["config"]), dict(saved["facts"])


def not_ours(checkpoint: str | Path, reason: str, file: str = "final.ckpt") -> CheckpointMismatch:
    """The error, code K03, for a sound file that is not what a run needs; ``file`` names the one that is."""
    problem = f"{checkpoint} is a checkpoint, but not one of torchheads that would do here: {reason}"
    return CheckpointMismatch("K03", problem, f"<run folder>/checkpoints/{file}")


def read_checkpoint(checkpoint: str | Path) -> dict[str, Any]:
    """The content of a checkpoint file, read without running any of it.

    Raises:
        CheckpointCorrupt: code K01.
        UnsafeArtifact: code K05, when it holds more than tensors and plain values.
    """
    path = Path(checkpoint)
    if not path.is_file():
        problem = f"{path} is a folder, not a file" if path.is_dir() else f"there is no file {path}"
        raise CheckpointCorrupt("K01", problem, CHECKPOINT_REMEDY)
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointCorrupt(
            "K01", f"{path} cannot be read: {error.strerror or error}", CHECKPOINT_REMEDY
        ) from error
    except Exception as error:  # whatever a damaged file makes of the reader
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        if found and first_bytes(path).startswith((b"PK", b"\x80")):  # a text may read like a pickle by chance
            problem = f"{path} holds a Python object ({found[1]}), which could run code when it is read"
            raise UnsafeArtifact("K05", problem, "a checkpoint of tensors and plain values") from error
        raise CheckpointCorrupt("K01", f"{path} is no checkpoint: {what_it_is(path)}", CHECKPOINT_REMEDY) from error
    if not isinstance(state, dict):
        problem = f"{path} holds a {type(state).__name__}, not a checkpoint"
        raise CheckpointCorrupt("K01", problem, CHECKPOINT_REMEDY)
    return state


def what_it_is(path: Path) -> str:
    """What a file that cannot be read as a checkpoint is, in words."""
    size, start = path.stat().st_size, first_bytes(path)
    if not size:
        return "the file is empty"
    if start.startswith(b"PK"):
        return f"the file is cut short or damaged ({size:,} bytes)"
    kind = "a text file" if start.isascii() and b"\0" not in start else "of another format"
    return f"the file is {kind} ({size:,} bytes)"


def first_bytes(path: Path) -> bytes:
    """How a file begins."""
    with path.open("rb") as file:
        return file.read(64)
