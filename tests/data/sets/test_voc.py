"""Label sets from VOC annotations: counted by hand, unknown where all is difficult, refused where files are wrong."""

import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from torchheads.data import Voc
from torchheads.errors import DataError


def annotation(*objects: tuple[str, int | None]) -> str:
    """An annotation with these objects and whether each is difficult; None leaves that away."""
    inner = "".join(
        f"<object><name>{name}</name>"
        + ("" if difficult is None else f"<difficult>{difficult}</difficult>")
        + "<part><name>head</name></part></object>"
        for name, difficult in objects
    )
    return f"<annotation><filename>any.jpg</filename>{inner}</annotation>"


ANNOTATIONS = {
    "000001": annotation(("dog", 0), ("person", 0), ("dog", 0)),
    "000002": annotation(("person", 1)),
    "000003": annotation(("cat", 1), ("cat", 0), ("dog", 1)),
    "000004": annotation(),
    "000005": annotation(("cat", None)),
    "000006": annotation(("person", 0)),
}
SETS = {"trainval": ["000003", "000001", "000002", "000005"], "test": ["000006", "000004"]}


def write(
    root: Path,
    sets: dict[str, list[str]] = SETS,
    annotations: dict[str, str] = ANNOTATIONS,
    year: str = "2007",
) -> Path:
    folder = root / "VOCdevkit" / f"VOC{year}"
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for number, (name, text) in enumerate(annotations.items(), start=1):
        (folder / "Annotations" / f"{name}.xml").write_text(text)
        Image.new("RGB", (8 + number, 8), (20 * number,) * 3).save(folder / "JPEGImages" / f"{name}.jpg")
    for name, pictures in sets.items():
        (folder / "ImageSets" / "Main" / f"{name}.txt").write_text("".join(f"{picture}\n" for picture in pictures))
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def sets_of(target: torch.Tensor, names: Sequence[str]) -> list[set[str]]:
    return [{name for name, there in zip(names, row, strict=True) if there} for row in target.tolist()]


def test_label_sets_unknown_entries_and_names(tmp_path: Path) -> None:
    write(tmp_path)
    source = Voc(str(tmp_path)).read()
    assert source.class_names == ("cat", "dog", "person")  # head is a part of an object, and no class
    assert source.label_type == "multi"
    train, test = source.parts["train"], source.parts["test"]
    assert set(source.parts) == {"train", "test"}
    assert [Path(path).stem for path in train.input.paths] == SETS["trainval"]
    assert sets_of(train.target, source.class_names) == [{"cat"}, {"dog", "person"}, set(), {"cat"}]
    assert sets_of(~train.mask, source.class_names) == [{"dog"}, set(), {"person"}, set()]
    assert sets_of(test.target, source.class_names) == [{"person"}, set()]
    assert test.mask is None
    assert train.target.dtype == train.mask.dtype == torch.bool


def test_pictures_are_those_of_the_rows(tmp_path: Path) -> None:
    write(tmp_path)
    data = Voc(str(tmp_path), val_share=0.25, calibration_share=0.25, image_size=8)
    assert data.num_samples == {"train": 2, "val": 1, "calibration": 1, "test": 2}
    assert data.input_shape == (3, 8, 8)
    test = data.split("test").input.flatten(1).float().mean(1)
    assert test.tolist() == pytest.approx([120, 80], abs=2)  # 000006, then 000004


@pytest.mark.parametrize("year", ["2008", "2012", 2012])
def test_later_years_are_tested_on_val(year: str | int, tmp_path: Path) -> None:
    write(tmp_path, {"train": ["000001", "000003"], "val": ["000002"]}, year=str(year))
    parts = Voc(str(tmp_path), year).read().parts
    assert {part: len(examples.target) for part, examples in parts.items()} == {"train": 2, "test": 1}


def test_image_sets_of_ones_own(tmp_path: Path) -> None:
    write(tmp_path, {"train": ["000001"], "val": ["000003"], "test": ["000006"]})
    wanted = {"train": "train", "val": "val", "test": "test"}
    parts = Voc(str(tmp_path), image_sets=wanted).read().parts
    assert {part: len(examples.target) for part, examples in parts.items()} == {"train": 1, "val": 1, "test": 1}
    assert set(Voc(str(tmp_path), image_sets={"train": "train"}).read().parts) == {"train"}


def test_a_picture_in_two_image_sets_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"trainval": ["000001", "000003"], "test": ["000003"]})
    with pytest.raises(DataError, match=r"TH-D04: 1 pictures of voc 2007 are in train and in test, .*000003"):
        _ = Voc(str(tmp_path)).source


def test_named_classes_keep_their_order_and_others_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    source = Voc(str(tmp_path), class_names=["person", "dog", "cat", "horse"]).read()
    assert source.class_names == ("person", "dog", "cat", "horse")
    assert sets_of(source.parts["train"].target, source.class_names)[1] == {"dog", "person"}
    with pytest.raises(
        DataError, match=r"TH-D39: .*000003.jpg \(row 0\) has an object of class 'cat'; allowed dog, pers"
    ):
        Voc(str(tmp_path), class_names=["dog", "person"]).read()


def test_a_picture_without_annotation_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "Annotations" / "000005.xml").unlink()
    with pytest.raises(DataError, match=r"TH-D39: there is no annotation .*000005\.xml"):
        Voc(str(tmp_path)).read()


def test_an_annotation_without_picture_is_refused_or_counted(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "JPEGImages" / "000005.jpg").unlink()
    with pytest.raises(DataError, match=r"TH-D15: 1 of 4 pictures of trainval of voc 2007 .*000005\.jpg \(row 3\)"):
        Voc(str(tmp_path)).read()
    data = Voc(str(tmp_path), skip_bad=1, val_share=0, calibration_share=0)
    assert len(data.prepared.parts["train"].target) == 3
    assert len(data.prepared.parts["test"].target) == 2
    assert ["000005.jpg" in line for line in data.skipped] == [True]


@pytest.mark.parametrize("missing", ["VOCdevkit", "VOCdevkit/VOC2007/ImageSets/Main/test.txt"])
@pytest.mark.parametrize("download", [False, True])
def test_missing_files(missing: str, download: bool, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / missing).rename(tmp_path / "away")
    with pytest.raises(
        DataError, match=r"TH-D35: image set \w+ of voc 2007 cannot be read .* allowed below it: VOCdev"
    ):
        Voc(str(tmp_path), download=download).read()


@pytest.mark.parametrize("year", ["2006", "2013", 7, ""])
def test_a_year_that_there_is_not(year: str | int) -> None:
    with pytest.raises(DataError, match=rf"TH-D35: year={year}; allowed 2007, 2008"):
        Voc("data", year)


@pytest.mark.parametrize("image_sets", [{}, {"test": "test"}, {"train": "train", "valid": "val"}])
def test_image_sets_that_are_no_splits(image_sets: dict[str, str]) -> None:
    with pytest.raises(DataError, match="TH-D35: image_sets="):
        Voc("data", image_sets=image_sets)


def test_an_image_set_that_there_is_not(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(DataError, match=r"TH-D35: .*'?tset'? .*"):
        Voc(str(tmp_path), image_sets={"train": "trainval", "test": "tset"}).read()


def test_a_path_in_an_image_set_does_not_leave_the_root(tmp_path: Path) -> None:
    write(tmp_path / "root", {"trainval": ["../../../../outside"], "test": ["000001"]})
    with pytest.raises(DataError, match="TH-D16"):
        Voc(str(tmp_path / "root")).read()
