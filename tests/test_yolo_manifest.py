"""The converter from YOLO's text format: label sets by hand, splits as published or merged, faults by file and line."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from torchheads.data import Manifest

SCRIPT = Path(__file__).parents[1] / "scripts" / "prepare" / "yolo_manifest.py"
BOX = "0.5 0.5 0.1 0.1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four pictures: fish twice and shark, nothing in an empty file, no file at all, shark."""
    files = {
        "data.yaml": "nc: 2\nnames: ['fish', 'shark']\n",
        "train/labels/a.txt": f"1 {BOX}\n0 {BOX}\n0 {BOX}\n",
        "train/labels/b.txt": "",
        "test/labels/d.txt": f"1 {BOX}\n",
        **dict.fromkeys(("train/images/a.jpg", "train/images/b.JPG", "valid/images/c.png", "test/images/d.jpg"), ""),
        "train/images/notes.md": "",
    }
    for name, text in files.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "root"


@pytest.fixture
def convert(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs the script, in this process."""
    specification = importlib.util.spec_from_file_location("yolo_manifest", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    def run(root: Path, *options: str) -> None:
        words = ["--root", str(root), "--output", str(root.parent / "out.csv"), *options]
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
        module.main()

    return run


def test_a_row_a_picture(root: Path, convert: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    convert(root)
    assert (root.parent / "out.csv").read_text().splitlines() == [
        "image,labels,split",
        "train/images/a.jpg,fish;shark,train",
        "train/images/b.JPG,,train",
        "valid/images/c.png,,val",
        "test/images/d.jpg,shark,test",
    ]
    said = capsys.readouterr().out.splitlines()
    assert " ".join(said[0].split()) == "train 2 pictures, 1.00 labels each, 1 without a label"


def test_the_table_is_a_manifest(root: Path, convert: Callable[..., None]) -> None:
    convert(root, "--merge-valid")
    source = Manifest(str(root.parent / "out.csv"), root=str(root)).source
    assert source.class_names == ("fish", "shark")
    assert source.parts["train"].target.int().tolist() == [[1, 1], [0, 0]]
    assert source.parts["test"].target.int().tolist() == [[0, 0], [0, 1]]
    assert list(source.parts) == ["train", "test"]


def test_names_by_number(root: Path, convert: Callable[..., None]) -> None:
    (root / "data.yaml").write_text("names: {1: shark, 0: fish}\n")
    convert(root)
    assert "a.jpg,fish;shark" in (root.parent / "out.csv").read_text()


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("train/labels/a.txt", f"0 {BOX}\n2 {BOX}\n", "a.txt, line 2: '2' is no class; allowed 0..1"),
        ("train/labels/a.txt", f"fish {BOX}\n", "a.txt, line 1: 'fish' is no class"),
        ("data.yaml", "names: [fish, fish]\n", "data.yaml: names are ['fish', 'fish']"),
        ("data.yaml", "names: ['fish;shark']\n", "allowed different names without ';'"),
        ("data.yaml", "nc: 2\n", "data.yaml: names are []"),
    ],
)
def test_what_cannot_be(root: Path, convert: Callable[..., None], file: str, text: str, says: str) -> None:
    (root / file).write_text(text)
    with pytest.raises(SystemExit) as caught:
        convert(root)
    assert says in str(caught.value)
    assert not (root.parent / "out.csv").exists()


def test_no_pictures(tmp_path: Path, convert: Callable[..., None]) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(SystemExit, match=r"data.yaml is missing"):
        convert(tmp_path / "root")
    (tmp_path / "root" / "data.yaml").write_text("names: [fish]\n")
    with pytest.raises(SystemExit, match="no pictures in"):
        convert(tmp_path / "root")
