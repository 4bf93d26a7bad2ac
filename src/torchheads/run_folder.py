"""A run's folder belongs to one run: it is claimed by writing ``config.yaml``, which must not be there yet."""

import os
import re
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from torchheads.errors import CheckpointError, HeadConfigError

RESULTS = ("config.yaml", "results.json", "metrics.jsonl", "checkpoints")
"""What tells that a folder holds a run already."""

FOLDER_REMEDY = "hydra.run.dir=<a folder you can write>"
OUTPUT_REMEDY = "output=<a file you can write>"

_SECRET = re.compile(r"(^|[_.-])(key|token|secret|password|passwd|credentials?)s?$", re.IGNORECASE)


def claim_folder(folder: Path, config: dict[str, Any]) -> None:
    """Make a folder the home of one run and write the run's ``config.yaml`` into it, secrets masked.

    Of two runs that claim one folder at the same moment, one gets it.

    Args:
        folder: the run's folder; made if it is not there.
        config: the resolved configuration of the run.

    Raises:
        HeadConfigError: TH-H16, the folder holds another run.
        CheckpointError: TH-H17, the folder cannot be made or written.
    """
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_config(config, folder, mode="x")
    except FileExistsError:
        raise _taken(folder, "config.yaml") from None
    except OSError as error:
        raise _not_writable(folder, error.strerror or str(error), FOLDER_REMEDY) from error


def save_config(config: DictConfig | dict[str, Any], folder: Path, *, mode: Literal["w", "x"] = "w") -> None:
    """Write ``config.yaml``, resolved, secrets masked; `claim_folder` does it for the command line.

    Args:
        config: the configuration of a run.
        folder: the run's folder; it exists.
        mode: "w" to replace what is there, "x" to raise ``FileExistsError`` instead.
    """
    plain = OmegaConf.to_container(config, resolve=True) if isinstance(config, DictConfig) else config
    text = OmegaConf.to_yaml(OmegaConf.create(masked(plain)))
    with (folder / "config.yaml").open(mode, encoding="utf-8") as file:
        file.write(text)


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds another run or cannot be written; changes nothing.

    Args:
        folder: the run's folder, which need not be there yet.

    Raises:
        HeadConfigError: TH-H16, the folder holds another run.
        CheckpointError: TH-H17, the folder cannot be made or written.
    """
    try:
        for name in RESULTS:
            if (folder / name).exists():
                raise _taken(folder, name)
        _check_writable(folder)
    except OSError as error:
        raise _not_writable(folder, error.strerror or str(error), FOLDER_REMEDY) from error


def check_output(path: Path) -> None:
    """Refuse a file that could not be written; changes nothing.

    Args:
        path: the file, which need not be there yet, nor its folder.

    Raises:
        CheckpointError: TH-H17.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        _check_writable(path.parent)
    except OSError as error:
        raise _not_writable(path, error.strerror or str(error), OUTPUT_REMEDY) from error


def make_output(path: Path) -> Path:
    """Return a file's path after making its folder.

    Args:
        path: the file that is about to be written.

    Raises:
        CheckpointError: TH-H17.
    """
    check_output(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(path, error.strerror or str(error), OUTPUT_REMEDY) from error
    return path


def _check_writable(folder: Path) -> None:
    """Raise ``OSError`` when a folder cannot be written, or cannot be made."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(0, f"{nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(0, f"{nearest} is not writable")


def masked(node: Any, key: str = "") -> Any:
    """Return nested dicts and lists with the values of keys that name a secret replaced by ``"***"``.

    Args:
        node: dicts, lists and scalars.
        key: the key ``node`` stands under.

    Example:
        >>> masked({"logger": {"api_key": "abc", "name": "a"}})
        {'logger': {'api_key': '***', 'name': 'a'}}
    """
    if isinstance(node, dict):
        return {name: masked(value, str(name)) for name, value in node.items()}
    if _SECRET.search(key) and node is not None:
        return "***"
    return [masked(value) for value in node] if isinstance(node, list) else node


def _taken(folder: Path, name: str) -> HeadConfigError:
    problem = f"{folder} already holds {name} of another run, which is never overwritten"
    remedy = "another hydra.run.dir=..., or leave it out for a new folder"
    last = folder / "checkpoints" / "last.ckpt"
    return HeadConfigError("H16", problem, f"{remedy}; resume={last} carries that run on" if last.is_file() else remedy)


def _not_writable(path: Path, reason: str, remedy: str) -> CheckpointError:
    return CheckpointError("H17", f"{path} cannot be written: {reason}", remedy)
