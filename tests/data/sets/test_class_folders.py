"""Folders of parts and classes, and which files are pictures; `test_image_folder` tests what is made of them."""

from pathlib import Path

import pytest

from torchheads.data.sets.class_folders import class_files, find_parts, is_picture, shown
from torchheads.errors import DataError


def make(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def test_parts_come_in_one_order_under_their_own_names(tmp_path: Path) -> None:
    make(tmp_path, "test/a/1.png", "Validation/a/1.png", "calibration/a/1.png", "TRAIN/a/1.png")
    parts = {"train": "TRAIN", "val": "Validation", "calibration": "calibration", "test": "test"}
    assert list(find_parts(tmp_path).items()) == list(parts.items())
    assert find_parts(make(tmp_path / "flat", "a/1.png", "b/1.png")) == {"train": ""}


def test_files_of_a_part_by_class(tmp_path: Path) -> None:
    make(tmp_path, "train/b/2.PNG", "train/b/sub/1.jpeg", "train/a/3.txt", "train/b/.hidden.png", "train/notes.txt")
    found = class_files(tmp_path, "train")
    assert found.pictures == {"a": [], "b": ["train/b/2.PNG", "train/b/sub/1.jpeg"]}
    assert found.others == ["train/a/3.txt"]
    assert class_files(make(tmp_path / "flat", "c/1.png"), "").pictures == {"c": ["c/1.png"]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jpg", True), ("A.JPEG", True), ("a.tif", True), ("a.b.webp", True), ("jpg", False), ("a.jpg.txt", False)],
)
def test_pictures_are_known_by_the_end_of_their_names(name: str, expected: bool) -> None:
    assert is_picture(name) is expected


def test_three_names_are_shown() -> None:
    assert shown(["a", "b", "c"]) == "a, b, c"
    assert shown(list("abcd")) == "a, b, c, ..."


def test_a_link_that_leads_nowhere_is_kept_to_be_refused_by_name(tmp_path: Path) -> None:
    make(tmp_path, "a/1.png")
    (tmp_path / "a" / "2.png").symlink_to(tmp_path / "a" / "gone.png")
    assert class_files(tmp_path, "").pictures == {"a": ["a/1.png", "a/2.png"]}


def test_a_link_beside_the_root_is_outside(tmp_path: Path) -> None:
    make(tmp_path / "root", "a/1.png")
    make(tmp_path / "rooted", "1.png")
    (tmp_path / "root" / "a" / "2.png").symlink_to(tmp_path / "rooted" / "1.png")
    with pytest.raises(DataError, match="TH-D16"):
        class_files(tmp_path / "root", "")


@pytest.mark.parametrize("folder", ["train", "cat"])
def test_a_part_or_class_that_is_a_link_out_of_the_root_is_refused(folder: str, tmp_path: Path) -> None:
    make(tmp_path / "elsewhere", "a/1.png")
    make(tmp_path / "root", "1.txt")
    (tmp_path / "root" / folder).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="TH-D16"):
        find_parts(tmp_path / "root")
