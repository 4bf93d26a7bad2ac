"""CelebA as published, in small: attributes, names and parts by hand, through torchvision's own loading code."""

import hashlib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torchvision import datasets

from torchheads.data import CelebA
from torchheads.errors import DataError

NAMES = ("5_o_Clock_Shadow", "Bald", "Young")
ATTRIBUTES = [(-1, 1, -1), (1, -1, 1), (-1, -1, -1), (1, 1, 1), (1, -1, 1)]
PARTS = [0, 2, 0, 1, 0]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The five lists and the pictures; checksums are those of these lists, and no network is asked."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    files = [f"{number:06}.jpg" for number in range(1, 6)]
    for number, file in enumerate(files, start=1):
        Image.new("RGB", (8, 8), (10 * number,) * 3).save(folder / "img_align_celeba" / file)
    rows = "".join(
        f"{file}  {' '.join(f'{value:2}' for value in values)}\n"
        for file, values in zip(files, ATTRIBUTES, strict=True)
    )
    (folder / "list_attr_celeba.txt").write_text(f"5\n{' '.join(NAMES)} \n{rows}")
    numbers = "".join(f"{file} {part}\n" for file, part in zip(files, PARTS, strict=True))
    (folder / "list_eval_partition.txt").write_text(numbers)
    (folder / "identity_CelebA.txt").write_text(numbers)
    for name in ("list_bbox_celeba.txt", "list_landmarks_align_celeba.txt"):
        (folder / name).write_text(f"5\nx_1 y_1\n{''.join(f'{file} 1 2{chr(10)}' for file in files)}")
    lists = [
        (id, hashlib.md5((folder / name).read_bytes()).hexdigest() if name.endswith(".txt") else md5, name)
        for id, md5, name in datasets.CelebA.file_list
    ]
    monkeypatch.setattr(datasets.CelebA, "file_list", lists)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return tmp_path


@pytest.mark.parametrize("download", [False, True])
def test_attributes_names_and_parts(download: bool, root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = CelebA(str(root), download).read()
    assert source.class_names == NAMES
    assert source.label_type == "multi"
    found = {part: examples.target.int().tolist() for part, examples in source.parts.items()}
    assert found == {"train": [[0, 1, 0], [0, 0, 0], [1, 0, 1]], "val": [[1, 1, 1]], "test": [[1, 0, 1]]}
    train = source.parts["train"]
    assert train.input.paths == [f"celeba/img_align_celeba/{number:06}.jpg" for number in (1, 3, 5)]
    assert train.target.dtype == torch.bool
    assert train.mask is None
    assert capfd.readouterr() == ("", "")


def test_published_parts_are_the_splits(root: Path) -> None:
    data = CelebA(str(root), calibration_share=0.4, val_share=0.4)
    assert data.num_samples == {"train": 2, "val": 1, "calibration": 1, "test": 1}
    assert data.split("val").input[0, 0, 0, 0] == 40
    assert data.split("test").input[0, 0, 0, 0] == 20


@pytest.mark.parametrize("download", [False, True])
@pytest.mark.parametrize("name", ["list_attr_celeba.txt", "identity_CelebA.txt", "img_align_celeba"])
def test_missing_files_are_named(name: str, download: bool, root: Path) -> None:
    (root / "celeba" / name).rename(root / "away")
    with pytest.raises(
        DataError, match=r"TH-D35: celeba cannot be read .* celeba/ with list_attr_celeba.txt,"
    ) as caught:
        CelebA(str(root), download).read()
    assert ("data.download=true" in caught.value.remedy) is not download


def test_a_damaged_list_is_refused(root: Path) -> None:
    file = root / "celeba" / "list_attr_celeba.txt"
    file.write_text(file.read_text().replace(" 1", "-1", 1))
    with pytest.raises(DataError, match=r"TH-D35: celeba cannot be read .*corrupted"):
        CelebA(str(root), download=False).read()


def test_pictures_that_are_not_there(root: Path) -> None:
    (root / "celeba" / "img_align_celeba" / "000003.jpg").unlink()
    with pytest.raises(DataError, match=r"TH-D15: 1 of 5 pictures of celeba .*000003\.jpg \(row 2\)"):
        CelebA(str(root)).read()
