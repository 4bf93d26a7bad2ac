"""Builds objects from a configuration: the one place where torchheads calls Hydra's instantiate."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import hydra.utils
from hydra.errors import InstantiationException
from omegaconf import DictConfig

from torchheads.allowed_targets import check_targets
from torchheads.config_errors import nearest, own_cause
from torchheads.errors import HeadConfigError


def instantiate(config: DictConfig | Mapping[str, Any] | None, **values: Any) -> Any:
    """Build what a configuration describes, after `check_targets`; the only way torchheads calls Hydra's instantiate.

    Args:
        config: a part of a configuration with a ``_target_``; None gives None.
        values: arguments known at run time only (module, number of classes, folder). They are handed on untouched, and
            fill what the configuration leaves out, null or ``???``: a value the user wrote wins.

    Returns:
        The object; with ``_partial_: true`` a function that builds it.

    Raises:
        UnsafeArtifact: TH-S01, a name that a config may not build.
        HeadConfigError: TH-H12, a value that has to be given is missing; TH-H05, an argument that there is not;
            TH-H25, a part that cannot be built.
    """
    if config is None:
        return None
    plain = check_targets(config)
    given = {key: value for key, value in values.items() if plain.get(key) is None or plain[key] == "???"}
    missing = [key for key, value in plain.items() if isinstance(value, str) and value == "???" and key not in given]
    if missing:
        problem = f"{plain.get('_target_')} got no value for {', '.join(missing)}"
        raise HeadConfigError("H12", problem, " ".join(f"{key}=..." for key in missing))
    is_partial = plain.pop("_partial_", False)
    try:
        build = hydra.utils.instantiate({**plain, "_partial_": True, "_convert_": "all"})
    except InstantiationException as error:
        if (own := own_cause(error)) is not None:
            raise own from None
        problem = f"{plain.get('_target_')} cannot be built: {error.__cause__ or error}"
        raise HeadConfigError("H25", problem, "--cfg job, which prints what would be built") from error
    _check_arguments(build, given)
    return functools.partial(build, **given) if is_partial else build(**given)


def _check_arguments(build: functools.partial[Any], given: Mapping[str, Any]) -> None:
    """Refuse an argument that the class or function does not have, code H05."""
    try:
        accepted = inspect.signature(build.func).parameters
    except (TypeError, ValueError):  # written in C, some say nothing of their arguments
        return
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        return
    name = build.func.__qualname__
    for key in {**build.keywords, **given}:
        if key not in accepted:
            near = nearest(key, accepted)
            remedy = f"{near}=..." if near else f"the same without {key}"
            raise HeadConfigError("H05", f"{name} has no argument {key!r}; it has: {', '.join(accepted)}", remedy)


def instantiate_each(config: DictConfig | Mapping[str, Any] | None, **values: Any) -> list[Any]:
    """Build every entry of a group of named parts, such as callbacks or loggers.

    Args:
        config: name to part; None or empty gives an empty list; an entry that is null is left out.
        values: run-time arguments; an entry gets those whose keys it names.

    Returns:
        The objects, in the order of the configuration.
    """
    parts = [] if config is None else [part for part in config.values() if part is not None]
    return [instantiate(part, **{key: values[key] for key in values if key in part}) for part in parts]
