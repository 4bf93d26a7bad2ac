"""Missing files are found by listing folders, and nothing that is there is called missing."""

import os
from pathlib import Path

import pytest

from torchheads.images.missing import missing_rows


def test_files_folders_and_links(tmp_path: Path) -> None:
    (tmp_path / "a" / "b.png").mkdir(parents=True)
    (tmp_path / "a" / "c.png").touch()
    (tmp_path / "a" / "good.png").symlink_to(tmp_path / "a" / "c.png")
    (tmp_path / "a" / "bad.png").symlink_to(tmp_path / "a" / "gone.png")
    (tmp_path / "top.png").touch()
    there = ["a/c.png", "top.png", "a/good.png", "./a//c.png", "a/../top.png", "./top.png"]
    absent = ["a/b.png", "a/bad.png", "a/gone.png", "nowhere/c.png", "top.png/c.png", "a/", "a", "", "A2/c.png"]
    assert missing_rows(str(tmp_path), [*there, *absent]) == list(range(len(there), len(there) + len(absent)))
    assert missing_rows(str(tmp_path), there) == []


def test_each_folder_is_listed_once_and_no_file_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    scandir = os.scandir

    def counted(path: str) -> object:
        listed.append(path)
        return scandir(path)

    def refuse(path: str) -> bool:
        raise AssertionError(f"asked for {path}")

    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "0.png").touch()
    monkeypatch.setattr(os, "scandir", counted)
    monkeypatch.setattr(os.path, "isfile", refuse)
    paths = [f"{folder}/{row}.png" for row in range(1000) for folder in "abc"]
    assert len(missing_rows(str(tmp_path), paths)) == 2998
    assert listed == [os.path.join(tmp_path, folder) for folder in "abc"]


@pytest.mark.parametrize("asked", ["CAF\u00c9.PNG", "cafe\u0301.png"])
def test_another_spelling_is_left_to_the_file_system(
    asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "caf\u00e9.png").touch()
    monkeypatch.setattr(os.path, "isfile", lambda path: True)  # as file systems do that know no capitals
    assert missing_rows(str(tmp_path), [asked]) == []
    monkeypatch.setattr(os.path, "isfile", lambda path: False)
    assert missing_rows(str(tmp_path), [asked]) == [0]


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").touch()

    def refused(path: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refused)
    assert missing_rows(str(tmp_path), ["a.png", "b.png"]) == [1]
