"""From a configuration to data: with the pictures that its backbone expects, and what a model must know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from hydra.utils import get_class

from torchheads.allowed_targets import check_targets
from torchheads.config import instantiate
from torchheads.data import ClassificationData, Moments
from torchheads.errors import CheckpointMismatch, DataError, warn
from torchheads.images import ImageFormat
from torchheads.module import ClassificationModule
from torchheads.targets import each, named

KIND = ("label_type", "class_names", "input_shape")
"""What data must have in common with those that a model was trained with."""

SPLITTING = ("split_seed", "val_share", "calibration_share", "test_share")
"""The options that decide which rows are in which split."""


def build_data(config: Mapping[str, Any], backbone: Mapping[str, Any]) -> ClassificationData:
    """The data of a configuration, told what the backbone expects of pictures; nothing is read yet."""
    data: ClassificationData = instantiate(config)
    data.expected = expected_images(backbone)
    return data


def expected_images(backbone: Mapping[str, Any]) -> ImageFormat:
    """What the backbone of a configuration expects of pictures; nothing in particular of one that does not say."""
    plain = check_targets(backbone)
    expects = getattr(get_class(plain["_target_"]), "expects", None)
    options = {key: value for key, value in plain.items() if key not in ("_target_", "input_shape")}
    return ImageFormat() if expects is None else expects(**options)


def data_facts(data: ClassificationData) -> dict[str, Any]:
    """What a model must know of its data, as plain values that a checkpoint can hold; dicts by task where several."""
    return {
        "data": data.name,
        "label_type": each(str, data.label_type),
        "num_classes": data.num_classes,
        "class_names": each(list, data.class_names),
        "input_shape": list(data.input_shape),
        "num_samples": data.num_samples,
        "moments": [values.tolist() for values in data.standardised_by],
        "image_format": list(data.image_format) if data.image_format is not None else None,
    }


def check_facts(trained: Mapping[str, Any], data: ClassificationData, keys: Sequence[str], remedy: str) -> None:
    """Refuse data that are not of the kind, or not the rows, that a model was trained with; code K04."""
    here = data_facts(data)
    for key in keys:
        if key in trained and trained[key] != here[key]:
            allowed = f"{trained[key]}, which the checkpoint was trained with"
            problem = f"{key} is {here[key]} in {data.name}; allowed {allowed}"
            raise CheckpointMismatch("K04", problem, remedy)


def open_data(config: Mapping[str, Any] | None, module: ClassificationModule) -> ClassificationData:
    """The data named, or those the module was trained on; refused when their classes are not the module's.

    Raises:
        CheckpointMismatch: code K04, naming what differs.
    """
    saved, trained = module.hparams["config"], module.hparams["facts"]
    data = build_data(config or saved["data"], saved["backbone"])
    warn_of_other_splits(config or saved["data"], saved["data"])
    if trained.get("moments"):
        data.trained_moments = Moments(*map(torch.tensor, trained["moments"]))
    if trained.get("image_format"):
        parts: list[Any] = [tuple(part) if isinstance(part, list) else part for part in trained["image_format"]]
        data.trained_format = ImageFormat(*parts)
    data.setup()
    check_facts(trained, data, KIND, "data of the same kind, or leave data out")
    return data


def warn_of_other_splits(config: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Warn of the same data split in another way, where test rows may be rows the model was trained on; code W05."""
    if config.get("_target_") != saved.get("_target_"):
        return
    changed = [key for key in SPLITTING if config.get(key) != saved.get(key)]
    if changed:
        now = " ".join(f"data.{key}={config.get(key)}" for key in changed)
        problem = f"{now}, other than in the run: rows that it was trained on may be test rows here"
        warn("W05", problem, " ".join(f"data.{key}={saved.get(key)}" for key in changed))


def check_positives(data: ClassificationData) -> None:
    """Refuse data of which a split that is measured has no class at all, before anything is trained.

    Raises:
        DataError: code D14, naming the split.
    """
    for name in ("train", "val", "test"):
        targets = named(data.split(name).target)
        multi = [targets[task] for task, label_type in named(data.label_type).items() if label_type == "multi"]
        if not all((target > 0).any() for target in multi):
            problem = f"split {name!r} of {data.name} has no example of any class; allowed one or more"
            raise DataError(
                "D14", problem, f"data in which classes occur, such as data.digits=[0,4], or more {name} rows"
            )
