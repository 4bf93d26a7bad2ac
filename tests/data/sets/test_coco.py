"""Label sets from COCO instances: counted by hand, empty where there is none, refused where files are wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from torchheads.data import Coco
from torchheads.errors import DataError

CATEGORIES = [
    {"supercategory": "animal", "id": 18, "name": "dog"},
    {"supercategory": "person", "id": 1, "name": "person"},
    {"supercategory": "vehicle", "id": 3, "name": "car"},
]
OUTLINE = [[10.5, 1.25, 7.0, 2.5, 3.75, 9.0]]
CROWD = {"counts": [3, 7, 9], "size": [8, 8]}


def instance(image: Any, category: Any, iscrowd: int = 0) -> dict[str, Any]:
    outline = CROWD if iscrowd else OUTLINE
    return {"segmentation": outline, "iscrowd": iscrowd, "image_id": image, "category_id": category, "area": 3.5}


TRAIN = {
    "info": {"year": 2017},
    "licenses": [{"url": "u", "id": 1, "name": "by"}],
    "images": [{"license": 1, "file_name": f"{id:012}.jpg", "height": 8, "id": id} for id in (90, 7, 500, 31)],
    "annotations": [instance(90, 18), instance(7, 3), instance(90, 1), instance(90, 18), instance(31, 3, iscrowd=1)],
    "categories": CATEGORIES,
}
VAL = {
    "images": [{"file_name": "000000000002.jpg", "id": 2}],
    "annotations": [instance(2, 1)],
    "categories": CATEGORIES,
}


def write(root: Path, train: Any = TRAIN, val: Any = VAL, year: str = "2017") -> Path:
    (root / "annotations").mkdir(parents=True)
    for part, found in (("train", train), ("val", val)):
        (root / f"{part}{year}").mkdir()
        text = found if isinstance(found, str) else json.dumps(found)
        (root / "annotations" / f"instances_{part}{year}.json").write_text(text)
        for picture in [] if isinstance(found, str) else found.get("images", []):
            Image.new("RGB", (8, 8), (picture["id"] % 256,) * 3).save(root / f"{part}{year}" / picture["file_name"])
    return root / "annotations" / f"instances_train{year}.json"


@pytest.mark.parametrize("year", ["2017", 2014])
def test_label_sets_names_and_parts(year: str | int, tmp_path: Path) -> None:
    write(tmp_path, year=str(year))
    source = Coco(str(tmp_path), year).read()
    assert source.class_names == ("person", "car", "dog")  # in the order of their ids
    assert source.label_type == "multi"
    assert set(source.parts) == {"train", "test"}
    train, test = source.parts["train"], source.parts["test"]
    assert train.input.paths == [f"train{year}/{id:012}.jpg" for id in (7, 31, 90, 500)]
    assert train.target.int().tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]]
    assert train.target.dtype == torch.bool
    assert train.mask is None
    assert test.target.int().tolist() == [[1, 0, 0]]


def test_pictures_are_those_of_the_rows(tmp_path: Path) -> None:
    write(tmp_path)
    data = Coco(str(tmp_path), val_share=0.25, calibration_share=0.25)
    assert data.num_samples == {"train": 2, "val": 1, "calibration": 1, "test": 1}
    splits = [data.split(name) for name in ("train", "val", "calibration")]
    greys = torch.cat([split.input[:, 0, 0, 0] for split in splits]).tolist()
    targets = [tuple(row) for split in splits for row in split.target.int().tolist()]
    expected = {7: (0, 1, 0), 31: (0, 1, 0), 90: (1, 0, 1), 500 % 256: (0, 0, 0)}
    assert dict(zip(greys, targets, strict=True)) == expected


def test_parts_of_other_categories_are_refused(tmp_path: Path) -> None:
    write(tmp_path, val={**VAL, "categories": [{"id": 1, "name": "people"}]})
    with pytest.raises(DataError, match=r"TH-D39: the categories of the train and val files .* differ in .*1"):
        Coco(str(tmp_path)).read()


def test_a_picture_without_a_file_is_refused_or_counted(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "train2017" / "000000000031.jpg").unlink()
    with pytest.raises(DataError, match=r"TH-D15: 1 of 4 pictures of train2017 of coco .*031\.jpg \(row 1\)"):
        Coco(str(tmp_path)).read()
    data = Coco(str(tmp_path), skip_bad=1, val_share=0, calibration_share=0)
    assert len(data.prepared.parts["train"].target) == 3
    assert ["000000000031.jpg" in line for line in data.skipped] == [True]


def test_a_picture_name_does_not_leave_the_root(tmp_path: Path) -> None:
    write(tmp_path)
    outside = {**TRAIN, "images": [*TRAIN["images"], {"id": 1, "file_name": "../../secret.jpg"}]}
    (tmp_path / "annotations" / "instances_train2017.json").write_text(json.dumps(outside))
    with pytest.raises(DataError, match="TH-D16"):
        Coco(str(tmp_path)).read()


@pytest.mark.parametrize("missing", ["annotations", "annotations/instances_val2017.json"])
def test_missing_annotations(missing: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / missing).rename(tmp_path / "away")
    with pytest.raises(DataError, match=r"TH-D35: there is no file .*instances_\w+2017\.json"):
        Coco(str(tmp_path)).read()


def test_a_year_that_there_is_not() -> None:
    with pytest.raises(DataError, match="TH-D35: year=2015; allowed 2014, 2017"):
        Coco("data", 2015)
