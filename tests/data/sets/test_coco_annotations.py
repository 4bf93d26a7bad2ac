"""Instances of COCO as one file: what is kept, and what is refused with its position."""

import json
from pathlib import Path
from typing import Any

import pytest

from torchheads.data.sets.coco_annotations import read_instances
from torchheads.errors import DataError

CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}, {"id": 3, "name": "car"}]
TRAIN = {
    "licenses": [{"url": "u", "id": 1, "name": "by"}],
    "images": [{"file_name": f"{id}.jpg", "id": id} for id in (90, 7, 500, 31)],
    "annotations": [{"segmentation": [[1.5, 2.0, 3]], "image_id": 90, "category_id": 18}],
    "categories": CATEGORIES,
}


def instance(image: Any, category: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": category}


def changed(**lists: Any) -> dict[str, Any]:
    return {**TRAIN, **lists}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ('{"images": [}', r"line 1 column 13 \(character 12\): Expecting value"),
        ('{"images": [],\n "annotations": [{"image_id": 1', r"line 2 column 32 \(character 46\): Expecting ',' del"),
        ("", r"line 1 column 1 \(character 0\)"),
        ("[" * 100_000, "recursion"),
        ("[]", "it has no images and no annotations and no categories"),
        ('{"images": [], "categories": []}', "it has no annotations"),
        (changed(annotations={"a": 1}), "it has no annotations"),
        (changed(annotations=[instance(90, 1), instance(90, None)]), "item 1 of its annotations lacks a number"),
        (changed(annotations=[instance(90, 1), instance("90", 1)]), "item 1 of its annotations lacks a number"),
        (changed(annotations=[instance(90.0, 1)]), "item 0 of its annotations lacks a number"),
        (changed(annotations=[instance(90, 1), {"bbox": [1]}]), "item 1 of its annotations lacks a number"),
        (changed(annotations=[7]), "item 0 of its annotations lacks a number"),
        (changed(annotations=[instance(2**70, 1)]), "item 0 of its annotations lacks a number"),
        (
            changed(images=[{"id": 2**63, "file_name": "1.jpg"}]),
            "item 0 of its images has id 9223372036854775808 and name",
        ),
        (changed(images=[{"id": 1, "file_name": None}]), "item 0 of its images has id 1 and name None"),
        (changed(categories=[{"id": "1", "name": "cat"}]), "item 0 of its categories has id '1' and name 'cat'"),
        (changed(categories=[{"id": 1, "name": 7}]), "item 0 of its categories has id 1 and name 7"),
    ],
)
def test_a_broken_file_is_refused(found: Any, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    file.write_text(found if isinstance(found, str) else json.dumps(found))
    with pytest.raises(DataError, match=rf"TH-D38: .*instances\.json cannot be read as COCO instances: .*{reason}"):
        read_instances(file)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    file.write_bytes(b'{"images": "\xff"}')
    with pytest.raises(DataError, match=r"TH-D38: .* byte 12 is no UTF-8"):
        read_instances(file)
    with pytest.raises(DataError, match=r"TH-D38: .*Is a directory"):
        read_instances(tmp_path)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    file.write_text(json.dumps(TRAIN), encoding="utf-8-sig")
    assert len(read_instances(file).pictures) == 4


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (changed(annotations=[instance(90, 1), instance(8, 1)]), "1 annotations .* image_id .* annotation 1 with 8;"),
        (
            changed(annotations=[instance(90, 99), instance(90, 2)]),
            "2 annotations .* category_id .* annotation 0 with 99",
        ),
        (changed(images=TRAIN["images"][:1] * 2), "has id 90 twice among its images"),
        (changed(categories=[*CATEGORIES, {"id": 1, "name": "cat"}]), "has id 1 twice among its categories"),
    ],
)
def test_lists_that_do_not_fit_each_other_are_refused(found: Any, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    file.write_text(json.dumps(found))
    with pytest.raises(DataError, match=f"TH-D39: .*{problem}"):
        read_instances(file)
