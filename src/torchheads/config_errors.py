"""Turns what Hydra says about a wrong command line into one line that names the nearest right word.

Hydra composes, this file only explains: which option or key was meant, or which option of a group has the key.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from hydra.errors import MissingConfigException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from torchheads.errors import HeadConfigError, TorchHeadsError

PACKAGES = ("torchheads_configs", "torchheads_configs.plugin")
"""Where the groups lie."""

LOSS_OF_HEAD = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}
"""The loss to suggest where several have the key that was typed."""


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that looks most like a word, or None if none is near.

    Args:
        word: what was typed.
        choices: what could have been typed.

    Example:
        >>> nearest("sofmax", ["sigmoid", "softmax"])
        'softmax'
    """
    return next(iter(difflib.get_close_matches(word, list(choices), n=1)), None)


def explain(error: Exception, overrides: Sequence[str]) -> TorchHeadsError:
    """Return the readable form of an error that Hydra or OmegaConf raised while composing.

    Args:
        error: what was raised.
        overrides: what was typed, such as ``["head=sofmax"]``.

    Returns:
        TH-H04 for an unknown option, TH-H05 for an unknown key and everything else a command line can get wrong; an
        error of torchheads that a resolver raised comes back as it is.
    """
    if (own := own_cause(error)) is not None:
        return own
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_option(*error.missing_cfg_file.rpartition("/")[::2], overrides)
    if isinstance(error.__cause__, OmegaConfBaseException) and error.__cause__.full_key:
        return _unknown_key(error.__cause__, overrides)
    problem = next((line.strip(" .") for line in str(error).splitlines() if line.strip()), repr(error))
    remedy = "--multirun, to run one after the other" if problem.startswith("Ambiguous value") else _see()
    if problem.startswith("Could not append"):  # the key is there, so that nothing needs to be added
        remedy = " ".join(override.removeprefix("+") for override in overrides)
    nothing = [override[:-5] for override in overrides if override.endswith("=null") and override[:-5] in optional()]
    if nothing and "Got NoneType" in problem:
        problem, remedy = f"{nothing[0]} is a group, which null is no option of", f"~{nothing[0]}, for none of them"
    return HeadConfigError("H05", f"{' '.join(overrides)}: {problem}", remedy)


def own_cause(error: BaseException | None) -> TorchHeadsError | None:
    """Return the error of torchheads that Hydra or OmegaConf wrapped, or None if there is none.

    Args:
        error: what was raised.

    Example:
        >>> own_cause(ValueError("of someone else")) is None
        True
    """
    while error is not None and not isinstance(error, TorchHeadsError):
        error = error.__cause__ or error.__context__
    return error


def options(group: str) -> dict[str, DictConfig | ListConfig]:
    """Return the options of a group with their keys; empty if there is no such group.

    Args:
        group: a folder such as ``"head"``.

    Example:
        >>> {"sigmoid", "softmax"} <= set(options("head"))
        True
    """
    return {
        file.name.removesuffix(".yaml"): OmegaConf.create(file.read_text(encoding="utf-8")) for file in _files(group)
    }


def groups() -> list[str]:
    """Return the names of all groups.

    Example:
        >>> {"head", "trainer"} <= set(groups())
        True
    """
    folders = [entry.name for package in PACKAGES for entry in files(package).iterdir() if entry.is_dir()]
    return sorted(name for name in folders if _files(name))


def optional() -> list[str]:
    """Return the groups of which none need be chosen.

    Example:
        >>> "mix" in optional(), "head" in optional()
        (True, False)
    """
    text = (files(PACKAGES[0]) / "train.yaml").read_text(encoding="utf-8")
    defaults = OmegaConf.select(OmegaConf.create(text), "defaults")
    entries = [dict(entry) for entry in defaults if OmegaConf.is_dict(entry)]
    return [str(group) for entry in entries for group, option in entry.items() if option is None]


def watched_by_itself(key: str, value: str) -> HeadConfigError:
    """Return the error for a watched metric (TH-H08) or a direction (TH-H09) that somebody named.

    Args:
        key: such as ``"callbacks.best_checkpoint.mode"``.
        value: what was typed.

    Example:
        >>> watched_by_itself("callbacks.best_checkpoint.mode", "min").code
        'H09'
    """
    label_types = "val/accuracy on single-label data and val/mean_average_precision on multi-label data"
    problem = f"{key}={value}: the label type of the data says what is watched, {label_types}; the highest is best"
    return HeadConfigError("H09" if key.endswith(".mode") else "H08", problem, f"the same without {key}")


def _unknown_option(group: str, name: str, overrides: Sequence[str]) -> HeadConfigError:
    """TH-H04: ``head=sofmax``; of a sweep's options those that are right are kept."""
    names = sorted(options(group))
    typed = next((override for override in overrides if override.startswith(f"{group}=")), f"{group}={name}")
    meant = nearest(name, names)
    words = re.split(r"([=,\[\]])", typed)
    if meant and name in words:
        others = [word for word in words if word in names]
        words[words.index(name)] = meant
        remedy = f"{group}={meant}" if others == [meant] else "".join(words)
    else:
        choices = [meant] if meant else names[:3]
        remedy = " or ".join(f"{group}={choice}" for choice in choices) or _see()
    return HeadConfigError("H04", f"{name!r} is no option of {group!r}; allowed: {', '.join(names)}", remedy)


def _unknown_key(cause: OmegaConfBaseException, overrides: Sequence[str]) -> HeadConfigError:
    """TH-H05: ``head.num_clases=3``, ``decision.k=3`` without a decision, ``data.digits=[1,1]`` with other data."""
    above, _, key = str(cause.full_key).rpartition(".")
    typed = next((override for override in overrides if override.lstrip("+~").startswith(str(cause.full_key))), key)
    group, _, rest = typed.partition("=")[0].partition(".")
    if above.startswith("callbacks.") and key in ("monitor", "mode"):
        return watched_by_itself(f"{above}.{key}", typed.partition("=")[2])
    if not above and rest and options(key):
        return _null_group(key, rest, typed, overrides)
    keys = list(cause.parent_node or {}) if OmegaConf.is_dict(cause.parent_node) else []
    keys = sorted(str(name) for name in keys if not str(name).startswith("_")) + ([] if above else groups())
    owners = [option for option, content in options(group).items() if key in content and above == group]
    owners = difflib.get_close_matches(key, owners, len(owners) or 1, 0.0)  # the one that sounds most like it first
    meant = None if owners else nearest(key, keys)
    if meant:
        remedy = typed.replace(key, meant, 1)
    elif owners:  # of a group whose parts are taken together, or of another option of a group
        remedy = (
            f"'{group}=[default,{owners[0]}]' {typed}"
            if "default" in options(group)
            else f"{group}={owners[0]} {typed}"
        )
    elif not keys:  # an empty dict of the user's own names
        remedy = f"+{typed}"
    else:
        remedy = _see()
    place = f"under {above!r}" if above else "at the top"
    return HeadConfigError(
        "H05", f"no key {key!r} {place}; there are: {', '.join(sorted(set(keys))) or 'none'}", remedy
    )


def _null_group(group: str, rest: str, typed: str, overrides: Sequence[str]) -> HeadConfigError:
    """TH-H05: ``loss.pos_weight=2`` while no loss is chosen, so that the head's own one is taken."""
    key = rest.partition(".")[0]
    found = options(group)
    owners = sorted(option for option, content in found.items() if key in content) or sorted(found)
    head = next((word.removeprefix("head=") for word in overrides if word.startswith("head=")), "softmax")
    option = LOSS_OF_HEAD.get(head, owners[0]) if group == "loss" else owners[0]
    problem = f"{group} is null, so there is no {group}.{rest}"
    return HeadConfigError("H05", problem, f"{group}={option if option in owners else owners[0]} {typed}")


def _files(group: str) -> list[Traversable]:
    """The YAML files of a group's options; none if there is no such group. What options share begins with ``_``."""
    folders = [folder for package in PACKAGES if (folder := files(package) / group).is_dir()] if group else []
    return [file for folder in folders for file in folder.iterdir() if re.fullmatch(r"[^_].*\.yaml", file.name)]


def _see() -> str:
    return "--help, which lists groups, options and keys"
