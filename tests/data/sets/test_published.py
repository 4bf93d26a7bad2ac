"""Published sets are opened before they are downloaded, and what goes wrong says what to put where."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from torchheads.data.sets.published import check_there, multi_hot, open_published, picture_files
from torchheads.errors import DataError


class Opener:
    """Opens a set that is there, or only after it was downloaded, or never; what it was asked to do."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.asked: list[bool] = []

    def __call__(self, download: bool) -> str:
        self.asked.append(download)
        if self.faults:
            raise self.faults.pop(0)
        return "the set"


def test_nothing_is_downloaded_that_is_there() -> None:
    opener = Opener()
    assert open_published(opener, True, "pets", Path("data"), "a.tar") == "the set"
    assert opener.asked == [False]


def test_what_is_not_there_is_downloaded() -> None:
    opener = Opener(RuntimeError("not found"))
    assert open_published(opener, True, "pets", Path("data"), "a.tar") == "the set"
    assert opener.asked == [False, True]


def test_nothing_is_downloaded_unasked() -> None:
    opener = Opener(RuntimeError("not found"))
    with pytest.raises(DataError) as caught:
        open_published(opener, False, "pets", Path("data"), "a.tar")
    assert opener.asked == [False]
    problem = "pets cannot be read from data (RuntimeError: not found); allowed below it: a.tar, as published"
    assert str(caught.value) == f"TH-D35: {problem}. Try: data.download=true"


def test_a_failed_download_is_one_line_about_the_download() -> None:
    opener = Opener(RuntimeError("not found"), OSError("no\n  network"))
    with pytest.raises(
        DataError, match=r"\(OSError: no network\).* Try: these files there, or the same again with a netw"
    ):
        open_published(opener, True, "pets", Path("data"), "a.tar")


def test_an_interrupt_is_no_missing_file() -> None:
    with pytest.raises(KeyboardInterrupt):
        open_published(Opener(KeyboardInterrupt()), True, "pets", Path("data"), "a.tar")  # type: ignore[arg-type]


def test_missing_pictures_are_counted_and_three_are_named(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "1.png")
    pictures = picture_files(tmp_path, [tmp_path / f"{number}.png" for number in range(6)])
    assert pictures.paths == [f"{number}.png" for number in range(6)]
    with pytest.raises(DataError) as caught:
        check_there("pets", pictures, 0)
    text = str(caught.value)
    assert text.startswith("TH-D15: 5 of 6 pictures of pets have no file, such as ")
    assert all(f"{tmp_path}/{number}.png (row {number})" in text for number in (0, 2, 3))
    assert "4.png" not in text
    assert caught.value.remedy.endswith("data.skip_bad=5 to leave them out")
    with pytest.raises(DataError, match=r"TH-D15: 5 of 6 .* beyond skip_bad=4"):
        check_there("pets", pictures, 4)
    check_there("pets", pictures, 5)


def test_label_sets_from_pairs() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert multi_hot(none, none, (2, 3)).tolist() == [[False] * 3] * 2
    target = multi_hot(torch.tensor([1, 1, 1]), torch.tensor([0, 2, 0]), (2, 3))
    assert target.tolist() == [[False] * 3, [True, False, True]]
