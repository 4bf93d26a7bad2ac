"""What a configuration may build: an exact list of names, checked before anything is built.

A ``_target_`` in a YAML file is a function call. Hydra blocks some dangerous names, but any installed package holds
others; so here it is the other way round, and what is not on the list is refused.
"""

import ast
import functools
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from torchheads.errors import UnsafeArtifact

OUTSIDE_TARGETS = frozenset({"lightning.pytorch.Trainer", "lightning.pytorch.strategies.ModelParallelStrategy"})
"""The names outside torchheads that its own configs build."""

ROOMS = (
    *("backbones", "calibration", "callbacks", "data", "decisions", "guarantees", "heads", "loggers", "losses"),
    *("metrics", "optim", "tuning"),
)
"""Rooms of torchheads whose public names may be built, as ``torchheads.<room>.<Name>``; heads also without the room."""

ENVIRONMENT_VARIABLE = "TORCHHEADS_ALLOW_TARGETS"
"""The caller's additions, exact names with commas between; no config key, since a hostile file could allow itself."""

# Read once, at import: a config can set environment variables (hydra.job.env_set) before a job starts.
ALLOWED_BY_CALLER = frozenset(name.strip() for name in os.environ.get(ENVIRONMENT_VARIABLE, "").split(",") if name)

# What Hydra itself builds or opens from its own section when our configs are composed.
HYDRA_VALUES = {
    "_target_": frozenset(
        {
            "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
            "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
        }
    ),
    "class": frozenset({"logging.StreamHandler", "logging.FileHandler", "logging.NullHandler"}),
    "()": frozenset[str](),
    "stream": frozenset({"ext://sys.stdout", "ext://sys.stderr"}),
    "filename": frozenset({"${hydra.runtime.output_dir}/${hydra.job.name}.log"}),
}


def is_allowed(target: object) -> bool:
    """Return whether a ``_target_`` is on the list; imports no room, hence no torch.

    Args:
        target: the value of a ``_target_`` key; anything but a string is refused.

    Returns:
        True for an exact name of the list, a public name of a room, and a name that the caller added.

    Example:
        >>> is_allowed("torchheads.losses.CrossEntropy"), is_allowed("torchheads.os.system"), is_allowed("os.system")
        (True, False, False)
    """
    if not isinstance(target, str):
        return False
    if target in OUTSIDE_TARGETS or target in ALLOWED_BY_CALLER:
        return True
    package, *rest = target.split(".")
    room, name = rest if len(rest) == 2 else ("heads", rest[0]) if len(rest) == 1 else ("", "")
    return package == "torchheads" and name in _public_names(room)


def check_targets(config: Any, where: str = "") -> Any:
    """Refuse a configuration that would call something off the list, however deep the name hides.

    Args:
        config: what is about to be built, or the whole configuration of a run: a DictConfig or ListConfig (a part of a
            larger one resolves against the whole), a dict or a list.
        where: the key of ``config`` in the larger configuration, for the message.

    Returns:
        The copy that was checked: plain dicts, lists and scalars, interpolations resolved, missing values ``"???"``.
        Build from this copy, since a resolver may answer differently a second time.

    Raises:
        UnsafeArtifact: TH-S01, a name that is not on the list, or text that would be interpolated once more.

    Example:
        >>> check_targets({"_target_": "torchheads.decisions.TopK", "k": 3})["k"]
        3
    """
    plain = OmegaConf.to_container(config if OmegaConf.is_config(config) else OmegaConf.create(config), resolve=True)
    for path, key, value in leaves(plain, where):
        if key == "_target_" and not is_allowed(value):
            raise _unsafe(path, value)
        if isinstance(value, str) and "${" in value:
            raise UnsafeArtifact("S01", f"{path}={value!r} would be interpolated a second time", "a plain value there")
    return plain


def check_hydra(hydra: DictConfig) -> None:
    """Refuse a ``hydra`` section that would run code before the check of the job's own configuration.

    Hydra builds callbacks, launcher and sweeper by name, hands the logging sections to Python's ``dictConfig``, which
    calls what ``class`` and ``()`` name and opens ``filename``, and sets environment variables.

    Args:
        hydra: the composed ``hydra`` section; only the parts named above are read.

    Raises:
        UnsafeArtifact: TH-S01, a name that is not on the list, or an environment variable set by a configuration.
    """
    for name in hydra.job.env_set:
        raise UnsafeArtifact("S01", f"hydra.job.env_set sets {name} from a config", f"{name}=... before the command")
    for part in ("callbacks", "launcher", "sweeper", "job_logging", "hydra_logging"):
        section = OmegaConf.to_container(hydra[part], resolve=False) if hydra[part] else {}
        for path, key, value in leaves(section, f"hydra.{part}"):
            refused = key in HYDRA_VALUES and value not in HYDRA_VALUES[key] | ALLOWED_BY_CALLER
            imported = isinstance(value, str) and "ext://" in value and key != "stream"
            if refused or imported:
                raise _unsafe(path, value)


def leaves(node: Any, path: str = "", key: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield every value of nested dicts and lists that is neither, and whatever stands under ``_target_``.

    Args:
        node: dicts, lists and scalars.
        path: where ``node`` stands, such as ``"head.decision"``.
        key: the innermost key above ``node``.

    Yields:
        Path, innermost key, value.

    Example:
        >>> list(leaves({"digits": [0, 4]}))
        [('digits[0]', 'digits', 0), ('digits[1]', 'digits', 4)]
    """
    if key == "_target_":
        yield path, key, str(node)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from leaves(value, f"{path}.{name}" if path else str(name), str(name))
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from leaves(value, f"{path}[{position}]", key)
    else:
        yield path, key, node


def _unsafe(path: str, value: object) -> UnsafeArtifact:
    remedy = f"{ENVIRONMENT_VARIABLE}={value} before the command, if the code is yours"
    return UnsafeArtifact("S01", f"{path}={value!r} is not among the names a config may build", remedy)


@functools.cache
def _public_names(room: str) -> frozenset[str]:
    """Return ``__all__`` of a room, read from its text, since importing a room would import torch."""
    spec = importlib.util.find_spec(f"torchheads.{room}") if room in ROOMS else None
    if spec is None or spec.origin is None:
        return frozenset()
    for statement in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        names = [node.id for node in getattr(statement, "targets", []) if isinstance(node, ast.Name)]
        if isinstance(statement, ast.Assign) and "__all__" in names:
            return frozenset(ast.literal_eval(statement.value))
    return frozenset()
