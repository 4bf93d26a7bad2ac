"""All that is to be said about a data set, as plain values: what `torchheads inspect` prints and writes.

n examples, c classes.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from torchheads.data.base import SPLITS, ClassificationData
from torchheads.data.cutting import cut
from torchheads.data.overview.advice import Advice, advise
from torchheads.data.overview.duplicates import duplicate_record
from torchheads.data.overview.inputs import feature_record, format_record, headers, picture_record
from torchheads.data.overview.label_counts import LabelCounts, index_counts, set_counts
from torchheads.data.overview.notes import chance_precision, notes
from torchheads.data.sourced import SourcedData
from torchheads.images import ImageFormat, Pictures
from torchheads.targets import LabelType, TargetRows, densified, named, plain_target, target_form

SCHEMA = "torchheads.inspect/1"


def inspect_record(data: ClassificationData) -> dict[str, Any]:
    """Samples, labels by task, inputs, duplicates and pictures that were left out; loads the data.

    Raises:
        DataError: those of the data's own `setup`.
        TargetError: as there.
    """
    data.setup()
    heads = {task: advice.head for task, advice in advised_heads(data).items()}
    return {
        "schema": SCHEMA,
        "data": data.name,
        "head": heads.get("", "multi"),
        "samples": data.num_samples,
        "tasks": [task_record(data, task) for task in named(data.label_type)],
        "inputs": input_record(data),
        "duplicates": duplicates(data),
        "skipped": list(data.skipped),
    }


def advised_heads(data: ClassificationData) -> dict[str, Advice]:
    """The head that fits each task, from its training rows; one task stands under the empty name."""
    tasks = named(data.label_type)
    return {task: advise(label_counts(data, task, "train"), label_type) for task, label_type in tasks.items()}


def task_record(data: ClassificationData, task: str) -> dict[str, Any]:
    """The label figures of a task, by split and by class, the head that fits, and what to mind."""
    label_type, class_names = named(data.label_type)[task], named(data.class_names)[task]
    splits = {name: label_counts(data, task, name) for name in SPLITS}
    advice = advise(splits["train"], label_type)
    return {
        "task": task or None,
        "label_type": label_type,
        "num_classes": len(class_names),
        "head": advice.head,
        "reason": advice.reason,
        "mind": notes(splits, class_names, label_type),
        "splits": {name: split_record(counts, class_names) for name, counts in splits.items()},
        "classes": [class_record(label, splits, name) for label, name in enumerate(class_names)],
    }


def split_record(counts: LabelCounts, class_names: tuple[str, ...]) -> dict[str, Any]:
    """The figures of a split as plain values."""
    return {
        "rows": counts.rows,
        "cardinality": counts.cardinality,
        "density": counts.density,
        "rows_without_label": counts.none,
        "rows_with_one": counts.one,
        "rows_with_several": counts.several,
        "rows_unsure": counts.unsure,
        "unknown_entries": counts.unknown_entries,
        "distinct_sets": counts.distinct_sets,
        "most_common_set": counts.most_common_set,
        "imbalance": counts.imbalance,
        "chance_precision": chance_precision(counts),
        "without_positives": [class_names[label] for label in counts.absent],
    }


def class_record(label: int, splits: Mapping[str, LabelCounts], name: str) -> dict[str, Any]:
    """How many rows of each split have a class, of how many that are known, and its share of the training rows."""
    return {
        "name": name,
        "positive": {split: int(counts.positive[label]) for split, counts in splits.items()},
        "known": {split: int(counts.known[label]) for split, counts in splits.items()},
        "train_share": float(splits["train"].shares[label]),
    }


def label_counts(data: ClassificationData, task: str, name: str) -> LabelCounts:
    """The figures of one task's labels in a split."""
    target, label_type, classes = target_rows(data, task, name)
    return index_counts(target, classes) if label_type == "single" else set_counts(target)


def target_rows(data: ClassificationData, task: str, name: str) -> tuple[TargetRows, LabelType, int]:
    """One task's targets in a split, what is known of them, their label type and number of classes."""
    split, label_type, classes = data.split(name), named(data.label_type)[task], named(data.num_classes)[task]
    form = target_form(label_type, classes, data.ignore_index, data.name)
    target = plain_target(named(split.target)[task], data.name)
    return form.rows(*densified(target, named(split.mask).get(task))), label_type, classes


def label_rows(data: ClassificationData, name: str) -> Tensor:
    """The targets of all tasks side by side, one row of numbers an example, int32."""
    values = [target_rows(data, task, name)[0].values for task in named(data.label_type)]
    return torch.cat([rows.reshape(len(rows), -1).to(torch.int32) for rows in values], dim=1)


def duplicates(data: ClassificationData) -> dict[str, Any]:
    """Rows that come twice, with the names of the pictures among the examples."""
    inputs = {name: data.split(name).input for name in SPLITS}
    found = duplicate_record(inputs, {name: label_rows(data, name) for name in SPLITS})
    pictures = split_pictures(data)

    def name_of(split: str, row: int) -> str:
        return pictures[split].where(row) if split in pictures else f"row {row} of {split}"

    pairs = [(split, split, repeats) for split, repeats in found["within"].items()]
    pairs += [(repeats["split"], repeats["other"], repeats) for repeats in found["between"]]
    for one, other, repeats in pairs:
        repeats["named"] = [[name_of(one, first), name_of(other, second)] for first, second in repeats["examples"]]
    return found


def split_pictures(data: ClassificationData) -> dict[str, Pictures]:
    """The pictures of each split, which know their files; none of data that were never in files.

    Nor of a split from which pictures were left out: its rows have other numbers now.
    """
    if not isinstance(data, SourcedData):
        return {}
    parts = cut(data.source, data.shares, data.split_seed)
    pictures = {name: part.input for name, part in parts.items() if isinstance(part.input, Pictures)}
    return {name: files for name, files in pictures.items() if len(files) == data.num_samples[name]}


def input_record(data: ClassificationData) -> dict[str, Any]:
    """What the inputs are, and what is made of pictures."""
    inputs = {name: data.split(name).input for name in SPLITS}
    if isinstance(inputs["train"], Tensor) and inputs["train"].ndim == 2:
        return {"kind": "features", **feature_record(inputs)}
    channels, height, width = data.input_shape
    format = getattr(data, "image_format", None) or ImageFormat(size=(height, width), channels=channels)
    made = format_record(format, sum(data.num_samples.values()), getattr(data, "cache_gb", float("inf")))
    parts = [part.input for part in data.source.parts.values()] if isinstance(data, SourcedData) else []
    files = [pictures for pictures in parts if isinstance(pictures, Pictures)]
    found = headers(files)
    on_disk = {"files": picture_record(found, sum(map(len, files)))} if found else {}
    return {"kind": "images", "format": made, **on_disk}
