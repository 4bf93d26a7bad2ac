"""A run's folder belongs to one run: it is claimed by writing ``config.yaml``, which must not be there yet."""

import os
import re
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from torchheads.errors import CheckpointError, HeadConfigError

RESULTS = ("config.yaml", "results.json", "metrics.jsonl", "checkpoints")
"""What tells that a folder holds a run already."""

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
        raise _not_writable(folder, error.strerror or str(error)) from error


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
        nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    except OSError as error:
        raise _not_writable(folder, error.strerror or str(error)) from error
    if not nearest.is_dir():
        raise _not_writable(folder, f"{nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _not_writable(folder, f"{nearest} is not writable")


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
    return HeadConfigError("H16", problem, "another hydra.run.dir=..., or leave it out for a new folder")


def _not_writable(folder: Path, reason: str) -> CheckpointError:
    return CheckpointError("H17", f"{folder} cannot be written: {reason}", "hydra.run.dir=<a folder you can write>")
