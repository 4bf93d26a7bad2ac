"""Planted repeats and leaks are found, in memory and in files; what is not compared is counted."""

import pytest
import torch
from PIL import Image

from torchheads.data.overview import duplicates
from torchheads.data.overview.duplicates import duplicate_record, varied
from torchheads.images import DatasetPictures, ImageFiles

LABELS = {"train": torch.tensor([[0], [0], [1], [1]]), "test": torch.tensor([[0], [1], [1]])}


def found(record, *splits):
    """What was found in a split, or between two."""
    if len(splits) == 1:
        entry = record["within"][splits[0]]
    else:
        entry = next(entry for entry in record["between"] if (entry["split"], entry["other"]) == splits)
    return entry["rows"], entry["relabelled"], entry["examples"]


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3)])
def test_in_memory(shape):
    generator = torch.Generator().manual_seed(0)
    train, test = (torch.randn(rows, *shape, generator=generator) for rows in (4, 3))
    assert all(not any(entry["rows"] for entry in group) for group in (
        duplicate_record({"train": train, "test": test}, LABELS)["within"].values(),
        duplicate_record({"train": train, "test": test}, LABELS)["between"],
    ))  # fmt: skip
    train[3] = train[0]  # another label
    test[2] = train[2]  # the same label
    record = duplicate_record({"train": train, "test": test}, LABELS)
    assert found(record, "train") == (1, 1, [[0, 3]])
    assert found(record, "test") == (0, 0, [])
    assert found(record, "train", "test") == (1, 0, [[2, 2]])


def test_blank_rows_are_counted_and_are_no_leak():
    train, test = torch.eye(4, 5), 2 * torch.eye(3, 5)
    train[1] = train[2] = test[0] = 0
    record = duplicate_record({"train": train, "test": test}, LABELS)
    assert record["blank"] == {"train": 2, "test": 1}
    assert record["left_out"] == {"train": 0, "test": 0}
    assert found(record, "train")[0] == found(record, "train", "test")[0] == 0
    train[3] = train[0]
    assert found(duplicate_record({"train": train, "test": test}, LABELS), "train") == (1, 1, [[0, 3]])


def test_rows_of_one_value_are_not_blank():
    assert varied(torch.zeros(3, 1)).all()
    assert varied(torch.tensor([[2, 2], [2, 3]])).tolist() == [False, True]


def save(folder, **colours):
    for name, colour in colours.items():
        picture = Image.new("L", (8, 8), 0)
        picture.putpixel((3, 3), colour)
        picture.save(folder / f"{name}.png")


def files(folder, *names):
    return ImageFiles(folder, [f"{name}.png" for name in names])


def test_in_files(tmp_path):
    save(tmp_path, a=1, b=2, copy_of_a=1, c=3, d=4, copy_of_b=2)
    (tmp_path / "bad.png").write_bytes(b"")
    inputs = {"train": files(tmp_path, "a", "b", "copy_of_a", "c"), "test": files(tmp_path, "bad", "d", "copy_of_b")}
    record = duplicate_record(inputs, LABELS)
    assert record["compared"] == "contents of the files"
    assert found(record, "train") == (1, 1, [[0, 2]])
    assert found(record, "train", "test") == (1, 1, [[1, 2]])  # rows keep their numbers beside one that is left out
    assert record["left_out"] == {"train": 0, "test": 1}


def test_pictures_of_a_dataset_are_compared_by_their_pixels():
    same, other, wide = Image.new("L", (4, 2), 1), Image.new("L", (4, 2), 2), Image.new("L", (2, 4), 1)
    train = DatasetPictures([(picture, 0) for picture in (same, other, wide, same.copy())])
    test = DatasetPictures([(Image.new("RGB", (4, 2), (1, 1, 1)), 0)])
    record = duplicate_record({"train": train, "test": test}, LABELS | {"test": LABELS["test"][:1]})
    assert found(record, "train") == (1, 1, [[0, 3]])
    assert found(record, "train", "test")[0] == 0


def test_of_too_many_files_the_held_out_ones_come_first(tmp_path, monkeypatch):
    monkeypatch.setattr(duplicates, "PICTURES", 5)
    save(tmp_path, a=1, b=2, c=3, d=4, x=5, y=6, z=1)
    inputs = {"train": files(tmp_path, "a", "b", "c", "d"), "test": files(tmp_path, "x", "y", "z")}
    record = duplicate_record(inputs, LABELS)
    assert record["left_out"] == {"train": 2, "test": 0}
    assert found(record, "train", "test") == (1, 1, [[0, 2]])  # rows 0 and 2 of train are looked at
    monkeypatch.setattr(duplicates, "PICTURES", 2)
    assert duplicate_record(inputs, LABELS)["left_out"] == {"train": 4, "test": 1}
