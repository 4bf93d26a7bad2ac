"""What can be wrong with a composed configuration, found without torch and without building anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from torchheads.allowed_targets import check_targets
from torchheads.config_errors import nearest, watched_by_itself
from torchheads.config_values import VALUES, Values, shown
from torchheads.errors import CheckpointCorrupt, DataError, HeadConfigError, TorchHeadsError
from torchheads.run_folder import check_output

FILLED_LATER = frozenset({"in_features", "num_classes", "input_shape", "folder"})
"""Keys that are ``???`` in a config because the data, the backbone or the run's folder give them."""

LOSS_OF_HEAD = {
    "torchheads.SoftmaxHead": "torchheads.losses.CrossEntropy",
    "torchheads.SigmoidHead": "torchheads.losses.BinaryCrossEntropy",
}
"""The loss that each head has of its own."""

HEAD_OF_LOSS = {loss: head for head, loss in LOSS_OF_HEAD.items()} | {
    "torchheads.losses.LogitAdjusted": "torchheads.SoftmaxHead",
    "torchheads.losses.BalancedSoftmax": "torchheads.SoftmaxHead",
    "torchheads.losses.Asymmetric": "torchheads.SigmoidHead",
}
"""Losses that have one form only, and the head each belongs to; what is not here is right for both."""

OF_A_SIGMOID = {"torchheads.losses.Focal": ("alpha", "pos_weight")}
"""Options that only the sigmoid form of a loss has."""

BALANCED_BY_ITSELF = ("LogitAdjusted", "BalancedSoftmax", "Asymmetric")
"""Losses that take no weights of the data: what the weights would do, they do already."""


def check_config(config: DictConfig) -> dict[str, Any]:
    """Check a composed configuration without building anything.

    Args:
        config: the configuration of one job, without its ``hydra`` section.

    Returns:
        The resolved configuration as plain dicts and lists.

    Raises:
        HeadConfigError: TH-H12, a value that has to be given is missing; TH-H24, the loss is one of the other head;
            TH-H36, weights beside a loss that takes none; TH-H08, TH-H09, a callback watches what is never logged; the
            code of the row of `VALUES` otherwise.
        DataError: the code of the row of `VALUES`, for a value of the data.
        UnsafeArtifact: TH-S01, a name that a config may not build.

    Example:
        >>> check_config(OmegaConf.create({"seed": 0, "data": {"seed": "${seed}"}}))
        {'seed': 0, 'data': {'seed': 0}}
    """
    plain: dict[str, Any] = check_targets(config)
    missing = sorted(key for key in OmegaConf.missing_keys(config) if key.rpartition(".")[2] not in FILLED_LATER)
    missing += [key for key in ("checkpoint",) if key in plain and plain[key] is None]
    if missing:
        raise HeadConfigError("H12", f"no value for {', '.join(missing)}", " ".join(f"{key}=..." for key in missing))
    for key, values in VALUES.items():
        _check_value(plain, key, values)
    _check_watching(plain)
    _check_loss(plain)
    return plain


def check_files(plain: Mapping[str, Any]) -> None:
    """Look for the files a configuration names, before anything that takes time.

    Args:
        plain: what `check_config` returned.

    Raises:
        CheckpointCorrupt: TH-K01, a checkpoint that is not there.
        CheckpointError: TH-H17, an output that cannot be written.
    """
    for key, name in (("checkpoint", "final.ckpt"), ("resume", "last.ckpt")):
        path = plain.get(key)
        if path is not None and not Path(str(path)).is_file():
            problem = f"{path} is a folder, not a file" if Path(str(path)).is_dir() else f"there is no file {path}"
            raise CheckpointCorrupt("K01", problem, f"{key}=<run folder>/checkpoints/{name}")
    if plain.get("output") is not None:
        check_output(Path(str(plain["output"])))


def _check_value(plain: Mapping[str, Any], key: str, values: Values) -> None:
    """Refuse the value of a key that is there; keys of somebody else's classes mean what they like."""
    *sections, name = key.split(".")
    part: Any = plain
    for section in sections:
        part = part.get(section) if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or name not in part or values.holds(part[name]):
        return
    if not sections or str(part.get("_target_")).startswith(("torchheads.", "lightning.")):
        value, words = part[name], values.allowed.split(", ")
        kind: type[TorchHeadsError] = DataError if values.code.startswith("D") else HeadConfigError
        remedy = f"{key}={nearest(str(value), words) or values.usual}"
        raise kind(values.code, f"{key}={shown(value)}; allowed {values.allowed}", remedy)


def _check_watching(plain: Mapping[str, Any]) -> None:
    """Refuse callbacks that would wait for a metric in vain, codes H08 and H09."""
    trainer = plain.get("trainer") or {}
    watching = {name: (plain.get("callbacks") or {}).get(name) for name in ("best_checkpoint", "early_stopping")}
    for name, part in watching.items():
        if not isinstance(part, Mapping):
            continue
        for key in ("monitor", "mode"):
            if key in part:
                raise watched_by_itself(f"callbacks.{name}.{key}", shown(part[key]))
        if trainer.get("limit_val_batches", 1) == 0:
            problem = f"callbacks.{name} watches a metric of validation, which trainer.limit_val_batches=0 switches off"
            raise HeadConfigError("H08", problem, "trainer.limit_val_batches=1.0")


def _check_loss(plain: Mapping[str, Any]) -> None:
    """Refuse a loss of the other head, code H24, options that its form has not, and weights it has no use for, H36."""
    head, loss = (str((plain.get(part) or {}).get("_target_")) for part in ("head", "loss"))
    other = HEAD_OF_LOSS.get(loss, head)
    if head in LOSS_OF_HEAD and other != head:
        problem = f"loss={_option(loss)} is a loss of head={_option(other)}, and the head is {_option(head)}"
        remedy = f"loss={_option(LOSS_OF_HEAD[head])}, or head={_option(other)}, or no loss at all"
        raise HeadConfigError("H24", problem, remedy)
    for key in OF_A_SIGMOID.get(loss, ()) if head == "torchheads.SoftmaxHead" else ():
        if plain["loss"].get(key) is not None:
            problem = f"loss.{key} is an option of {_option(loss)} for head=sigmoid, and the head is softmax"
            raise HeadConfigError("H24", problem, f"loss.{key}=null, or head=sigmoid")
    if plain.get("weights") is not None and loss.rpartition(".")[2] in BALANCED_BY_ITSELF:
        problem = f"loss={_option(loss)} takes no weights: it balances the classes by itself"
        raise HeadConfigError("H36", problem, f"~weights, or loss={_option(LOSS_OF_HEAD.get(other, loss))}")


def _option(target: str) -> str:
    """``torchheads.losses.CrossEntropy`` is the option ``cross_entropy``, ``torchheads.SoftmaxHead`` ``softmax``."""
    name = target.rpartition(".")[2].removesuffix("Head")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
