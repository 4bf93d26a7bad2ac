"""From a configuration to data: with the pictures that its backbone expects, and what a model must know of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.utils import get_class

from torchheads.allowed_targets import check_targets
from torchheads.config import instantiate
from torchheads.data import ClassificationData
from torchheads.errors import CheckpointMismatch, DataError
from torchheads.images import ImageFormat
from torchheads.module import ClassificationModule
from torchheads.targets import each, named


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
    }


def open_data(config: Mapping[str, Any] | None, module: ClassificationModule) -> ClassificationData:
    """The data named, or those the module was trained on; refused when their classes are not the module's.

    Raises:
        CheckpointMismatch: code K04, naming what differs.
    """
    saved = module.hparams["config"]
    data = build_data(config or saved["data"], saved["backbone"])
    data.setup()
    trained, here = module.hparams["facts"], data_facts(data)
    for key in ("label_type", "class_names", "input_shape"):
        if trained[key] != here[key]:
            problem = (
                f"{key} is {here[key]} in {data.name}; allowed {trained[key]}, which the checkpoint was trained with"
            )
            raise CheckpointMismatch("K04", problem, "data of the same kind, or leave data out")
    return data


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
