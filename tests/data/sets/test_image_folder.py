"""Pictures in class folders: both layouts, an order that depends on nothing but names, and nothing dropped unsaid."""

import os
import unicodedata
from pathlib import Path

import pytest
import torch
from PIL import Image

from torchheads.data import ImageFolder
from torchheads.errors import DataError


def write(root: Path, *paths: str) -> Path:
    """Pictures of one grey each (10, 20, ...) at these paths; other files hold text."""
    for number, path in enumerate(paths, start=1):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.lower().endswith((".png", ".jpg")):
            Image.new("RGB", (8, 8), (10 * number % 256,) * 3).save(root / path)
        elif path.endswith("/"):
            (root / path).mkdir(exist_ok=True)
        else:
            (root / path).write_text("text")
    return root


def listed(root: Path, **options: int) -> dict[str, list[tuple[str, str]]]:
    """Path and class of each picture by part."""
    source = ImageFolder(str(root), **options).read()
    return {
        part: list(zip(found.input.paths, (source.class_names[label] for label in found.target), strict=True))
        for part, found in source.parts.items()
    }


def test_flat_folders_are_classes(tmp_path: Path) -> None:
    write(tmp_path, "dog/2.png", "cat/b.png", "dog/10.JPG", "cat/a.png")
    data = ImageFolder(str(tmp_path))
    source = data.read()
    assert source.class_names == ("cat", "dog")
    assert source.label_type == "single"
    assert listed(tmp_path) == {
        "train": [("cat/a.png", "cat"), ("cat/b.png", "cat"), ("dog/10.JPG", "dog"), ("dog/2.png", "dog")]
    }
    assert source.parts["train"].target.dtype == torch.int64


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Val"])
def test_folders_of_parts(val: str, tmp_path: Path) -> None:
    write(tmp_path, "train/cat/1.png", "train/dog/2.png", f"{val}/dog/3.png", f"{val}/cat/4.png", "test/cat/5.png")
    assert listed(tmp_path) == {
        "train": [("train/cat/1.png", "cat"), ("train/dog/2.png", "dog")],
        "val": [(f"{val}/cat/4.png", "cat"), (f"{val}/dog/3.png", "dog")],
        "test": [("test/cat/5.png", "cat")],
    }


def test_missing_parts_are_cut_from_train_and_published_ones_stay(tmp_path: Path) -> None:
    names = [f"train/{'cat' if number % 2 else 'dog'}/{number}.png" for number in range(20)]
    write(tmp_path, *names, "test/cat/a.png", "test/dog/b.png", "test/dog/c.png")
    data = ImageFolder(str(tmp_path), val_share=0.2, calibration_share=0.1)
    assert data.num_samples == {"train": 14, "val": 4, "calibration": 2, "test": 3}
    assert data.split("test").input[:, 0, 0, 0].tolist() == [210, 220, 230]
    assert data.split("val").target.bincount().tolist() == [2, 2]


def test_flat_folders_are_split_by_seed(tmp_path: Path) -> None:
    write(tmp_path, *(f"{'cat' if number % 2 else 'dog'}/{number}.png" for number in range(20)))

    def rows(split_seed: int, seed: int = 0) -> list[int]:
        data = ImageFolder(str(tmp_path), split_seed=split_seed, seed=seed)
        assert data.num_samples == {"train": 12, "val": 2, "calibration": 2, "test": 4}
        return data.split("test").input[:, 0, 0, 0].tolist()

    assert rows(0) == rows(0, seed=9) != rows(1)


def test_class_lists_that_differ_are_joined(tmp_path: Path) -> None:
    write(tmp_path, "train/b/1.png", "train/d/2.png", "test/a/3.png", "test/d/4.png", "val/c/5.png")
    assert [label for pairs in listed(tmp_path).values() for _, label in pairs] == [
        "b",
        "d",
        "c",
        "a",
        "d",
    ]  # train, val, test
    data = ImageFolder(str(tmp_path))
    with pytest.warns(
        UserWarning, match="TH-W04: 1 classes of image_folder are in (val|test) and not in train"
    ) as warned:
        names = data.class_names
    assert names == ("a", "b", "c", "d")
    assert len(warned) == 2


@pytest.mark.parametrize(
    ("part", "remedy"), [("val", "no such folder: rows for val come from train then"), ("train", "pictures in it")]
)
def test_a_part_without_pictures(tmp_path: Path, part: str, remedy: str) -> None:
    write(tmp_path, *(f"{other}/{name}/1.png" for other in {"train", "val", "test"} - {part} for name in "ab"))
    write(tmp_path, f"{part}/")
    with pytest.raises(DataError, match=rf"TH-D36: .*{part} holds no picture; allowed .*Try: {remedy}"):
        listed(tmp_path)
    write(tmp_path, f"{part}/a/")
    with pytest.raises(DataError, match=rf"TH-D36: .*{part} holds no picture"):
        listed(tmp_path)


def test_an_empty_class_folder_counts_where_the_class_has_pictures_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/")
    assert len(listed(tmp_path)["test"]) == 1
    write(tmp_path, "train/c/", "test/d/")
    with pytest.raises(DataError, match=r"TH-D36: 2 class folders in .* hold no picture \(c, d\)"):
        listed(tmp_path)


def test_the_order_is_that_of_code_points_however_the_disk_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, *(f"{name}/{file}.png" for name in ("b", "B", "é", "a", "10", "9") for file in ("z", "Z", "1")))
    before = listed(tmp_path)
    assert ImageFolder(str(tmp_path)).read().class_names == ("10", "9", "B", "a", "b", "é")
    assert [path for path, _ in before["train"]][:3] == ["10/1.png", "10/Z.png", "10/z.png"]
    scan = os.scandir

    class Backwards:
        def __init__(self, folder: str) -> None:
            with scan(folder) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> list["os.DirEntry[str]"]:
            return self.entries

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    assert listed(tmp_path) == before


def test_one_name_in_two_spellings_is_one_class(tmp_path: Path) -> None:
    """Some file systems keep an accented letter as one sign, others as two."""
    one, two = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    write(tmp_path, f"train/{one}/1.png", "train/tea/2.png", f"test/{two}/3.png", "test/tea/4.png")
    assert ImageFolder(str(tmp_path)).read().class_names == (one, "tea")


def test_folders_inside_a_class_folder_belong_to_it(tmp_path: Path) -> None:
    write(tmp_path, "dog/1.png", "dog/puppies/2.png", "dog/puppies/old/3.png", "cat/4.png", "cat/train/5.png")
    assert listed(tmp_path)["train"] == [
        ("cat/4.png", "cat"),
        ("cat/train/5.png", "cat"),
        ("dog/1.png", "dog"),
        ("dog/puppies/2.png", "dog"),
        ("dog/puppies/old/3.png", "dog"),
    ]


def test_hidden_files_are_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, "a/1.png", "b/2.png", "a/._1.png", "b/Thumbs.db", "b/desktop.ini", ".git/x.png", "__MACOSX/a/1.png")
    write(tmp_path, "README.md", "labels.csv", "a/.cache/3.png")
    assert len(listed(tmp_path)["train"]) == 2


def test_other_files_are_refused_or_counted(tmp_path: Path) -> None:
    write(tmp_path, "a/1.png", "b/2.png", "b/notes.txt", "a/deep/clip.mp4", "a/IMG.HEIC", "a/x", "b/y")
    with pytest.raises(
        DataError, match=r"TH-D37: 5 files .* \(a/IMG.HEIC, a/deep/clip.mp4, a/x, \.\.\.\); allowed 0"
    ) as caught:
        listed(tmp_path)
    assert caught.value.remedy.startswith("data.skip_other=5 ")
    with pytest.raises(DataError, match=r"TH-D37: 5 files .*; allowed 4"):
        listed(tmp_path, skip_other=4)
    data = ImageFolder(str(tmp_path), skip_other=5, val_share=0, calibration_share=0, test_share=0)
    assert len(data.source.parts["train"].target) == 2
    assert len(data.skipped) == 5
    assert data.skipped[0] == "a/IMG.HEIC is no picture by its name"


def test_a_bad_picture_is_counted_beside_them(tmp_path: Path) -> None:
    write(tmp_path, "a/1.png", "b/2.png", "b/notes.txt")
    (tmp_path / "a" / "3.png").write_bytes(b"")
    data = ImageFolder(str(tmp_path), skip_other=1, skip_bad=1, val_share=0, calibration_share=0, test_share=0)
    assert [line.split()[0] for line in data.skipped] == ["b/notes.txt", "TH-D09:"]
    assert len(data.prepared.parts["train"].target) == 2


def test_a_folder_named_like_a_picture_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, "a/1.png", "b/2.png", "b/3.png/inside.txt")
    data = ImageFolder(str(tmp_path), val_share=0, calibration_share=0, test_share=0)
    with pytest.raises(DataError, match=r"TH-D15: .*b/3\.png.* \(a folder\)"):
        _ = data.prepared


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        ((), "has no folders in it"),
        (("1.png", "2.png"), "has no folders in it"),
        (("a/1.png", "b/2.png", "3.png"), r"has 1 pictures in no class folder \(3.png\)"),
        (("train/a/1.png", "train/b/2.png", "train/3.png"), r"train has 1 pictures in no class folder \(3.png\)"),
        (("train/a/1.png", "train/b/2.png", "cat/3.png"), r"has folders of parts \(train\) beside others \(cat\)"),
        (("val/a/1.png", "test/b/2.png"), "has test, val and no train/"),
        (("train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/b/1.png"), "has val/ and valid/ for one part"),
        (("train/", "test/a/1.png"), "has one class folder alone"),
        (("train/", "test/"), "has no class folders"),
        (("images/cat/1.png", "images/dog/2.png"), r"one class folder alone \(images\)"),
    ],
)
def test_other_layouts_are_refused_and_both_are_shown(paths: tuple[str, ...], problem: str, tmp_path: Path) -> None:
    write(tmp_path, *paths)
    with pytest.raises(DataError, match=f"TH-D36: .*{problem}") as caught:
        listed(tmp_path)
    assert "allowed train/<class>/<picture> with val/ and test/ beside train/, or <class>/<picture>" in str(
        caught.value
    )


def test_one_folder_too_high_names_the_right_one(tmp_path: Path) -> None:
    write(tmp_path, "images/cat/1.png", "images/dog/2.png")
    with pytest.raises(DataError, match=rf"Try: data\.root={tmp_path}/images, "):
        listed(tmp_path)


@pytest.mark.parametrize("root", ["missing", "file.txt"])
def test_a_root_that_is_no_folder(root: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").touch()
    with pytest.raises(DataError, match=f"TH-D36: .*{root} is no folder"):
        listed(tmp_path / root)


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "pets", "a/1.png", "b/2.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ImageFolder("~/pets").read().class_names == ("a", "b")


@pytest.mark.parametrize("link", ["b/out.png", "b/out", "c"])
def test_links_out_of_the_root_are_refused(link: str, tmp_path: Path) -> None:
    root = write(tmp_path / "root", "a/1.png", "b/2.png")
    outside = write(tmp_path / "root_too", "3.png")  # begins like the root
    (root / link).symlink_to(outside / "3.png" if link.endswith("png") else outside)
    with pytest.raises(DataError, match=rf"TH-D16: .*{link} is a link to .*root_too.*, outside "):
        listed(root)


def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    root = write(tmp_path / "root", "a/1.png", "b/2.png", "a/more/3.png")
    (root / "b" / "link.png").symlink_to(root / "a" / "1.png")
    (root / "b" / "more").symlink_to(root / "a" / "more")
    (tmp_path / "here").symlink_to(root)
    paths = [path for path, _ in listed(tmp_path / "here")["train"]]
    assert paths == ["a/1.png", "a/more/3.png", "b/2.png", "b/link.png", "b/more/3.png"]


@pytest.mark.parametrize("links", [{"a/up": "."}, {"a/self": "a"}, {"a/to_b": "b", "b/to_a": "a"}])
def test_links_in_a_circle_are_refused(links: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path, "a/1.png", "b/2.png")
    for link, target in links.items():
        (tmp_path / link).symlink_to(tmp_path / target)
    with pytest.raises(DataError, match=r"TH-D16: .* is a link back to "):
        listed(tmp_path)


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a/1.png", "b/2.png")
    scan = os.scandir

    def refuse(folder: Path) -> object:
        if str(folder).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"TH-D36: .*b cannot be listed \(Permission denied\)"):
        listed(tmp_path)


def test_a_number_of_other_files_below_zero() -> None:
    with pytest.raises(DataError, match="TH-D11: skip_other=-1"):
        ImageFolder("data", skip_other=-1)
