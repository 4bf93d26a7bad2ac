"""What can be wrong with a composed configuration, found without torch and without building anything."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from torchheads.allowed_targets import check_targets
from torchheads.errors import HeadConfigError

FILLED_LATER = frozenset({"in_features", "num_classes", "input_shape", "folder"})
"""Keys that are ``???`` in a config because the data, the backbone or the run's folder give them."""

LOSS_OF_HEAD = {
    "torchheads.SoftmaxHead": "torchheads.losses.CrossEntropy",
    "torchheads.SigmoidHead": "torchheads.losses.BinaryCrossEntropy",
}
"""Losses that have one form only, and the head each belongs to."""


def check_config(config: DictConfig) -> dict[str, Any]:
    """Check a composed configuration without building anything.

    Args:
        config: the configuration of one job, without its ``hydra`` section.

    Returns:
        The resolved configuration as plain dicts and lists.

    Raises:
        HeadConfigError: TH-H12, a value that has to be given is missing; TH-H24, the loss is one of the other head.
        UnsafeArtifact: TH-S01, a name that a config may not build.

    Example:
        >>> check_config(OmegaConf.create({"seed": 0, "data": {"seed": "${seed}"}}))
        {'seed': 0, 'data': {'seed': 0}}
    """
    plain: dict[str, Any] = check_targets(config)
    missing = sorted(key for key in OmegaConf.missing_keys(config) if key.rpartition(".")[2] not in FILLED_LATER)
    if missing:
        raise HeadConfigError("H12", f"no value for {', '.join(missing)}", " ".join(f"{key}=..." for key in missing))
    head, loss = (str((plain.get(part) or {}).get("_target_")) for part in ("head", "loss"))
    if head in LOSS_OF_HEAD and loss in LOSS_OF_HEAD.values() and loss != LOSS_OF_HEAD[head]:
        other = _option(next(owner for owner, own in LOSS_OF_HEAD.items() if own == loss))
        problem = f"loss={_option(loss)} is a loss of head={other}, and the head is {_option(head)}"
        raise HeadConfigError("H24", problem, f"loss={_option(LOSS_OF_HEAD[head])}, or head={other}, or no loss at all")
    return plain


def _option(target: str) -> str:
    """``torchheads.losses.CrossEntropy`` is the option ``cross_entropy``, ``torchheads.SoftmaxHead`` ``softmax``."""
    name = target.rpartition(".")[2].removesuffix("Head")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
