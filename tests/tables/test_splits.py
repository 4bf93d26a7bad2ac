"""Words of splits, by column, by array and by file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from torchheads.errors import DataError
from torchheads.tables.splits import files_by_split, read_splits, rows_of_files, splits_of
from torchheads.tables.table import Table, open_table

Make = Callable[..., Table]
WORDS = ("Train", "VALID", "dev", "validation", "val", "calib", "calibration", "test ", "training")
ROWS = {"train": [0, 8], "val": [1, 2, 3, 4], "calibration": [5, 6], "test": [7]}


def test_words_of_a_column(table_of: Make) -> None:
    table = table_of("image,split", *(f"{row}.jpg,{word}" for row, word in enumerate(WORDS)))
    assert {split: ids.tolist() for split, ids in read_splits(table, "split").items()} == ROWS


def test_words_of_an_array() -> None:
    assert {split: ids.tolist() for split, ids in splits_of(np.array(WORDS), "a.npz: split").items()} == ROWS


def test_absent_splits_are_left_out(table_of: Make) -> None:
    assert list(read_splits(table_of("image,split", "a.jpg,test", "b.jpg,train"), "split")) == ["train", "test"]


@pytest.mark.parametrize("word", ["fold1", "", "0"])
def test_a_word_that_is_none(table_of: Make, word: str) -> None:
    table = table_of("image,split", "a.jpg,train", f"b.jpg,{word}")
    holds = repr(word) if word else "an empty cell"
    with pytest.raises(DataError, match=rf"TH-D22: .*labels.csv, line 3, column 'split': {holds}; allowed train, val"):
        read_splits(table, "split")
    with pytest.raises(DataError, match=rf"TH-D22: a.npz: split\[1\] is '{word}'; allowed train, val"):
        splits_of(np.array(["train", word]), "a.npz: split")


def test_nothing_to_train_on(table_of: Make) -> None:
    with pytest.raises(DataError, match=r"TH-D01: .*labels.csv, line 1, column 'split': no row is of the split train"):
        read_splits(table_of("image,split", "a.jpg,test", "b.jpg,val"), "split")


def test_a_file_each(tmp_path: Path) -> None:
    files = files_by_split({"test": str(tmp_path / "b.csv"), "training": str(tmp_path / "a.csv")})
    assert list(files) == ["test", "train"]
    for path, rows in zip(files.values(), (2, 3), strict=True):
        path.write_text("image,label\n" + "a.jpg,cat\n" * rows)
    table = Table([open_table(path) for path in files.values()])
    assert {split: ids.tolist() for split, ids in rows_of_files(table, files).items()} == {
        "test": [0, 1],
        "train": [2, 3, 4],
    }


def test_one_file_for_all() -> None:
    assert files_by_split("a.csv") == {"train": Path("a.csv")}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ({"trian": "a.csv"}, "D22"),
        ({"train": "a.csv", "val": "b.csv", "valid": "c.csv"}, "D22"),
        ({"test": "a.csv"}, "D01"),
    ],
)
def test_files_of_no_split(path: dict[str, str], code: str) -> None:
    with pytest.raises(DataError, match=f"TH-{code}: data.path has .*train: a.csv, test: b.csv"):
        files_by_split(path)
