"""Pictures in one folder a class: which folders are parts, which are classes, and which files are pictures.

The order of classes and files depends neither on the locale nor on how the disk lists them.
"""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from torchheads.errors import DataError
from torchheads.images import SUFFIXES

PART_FOLDERS: Final = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "calibration": ("calibration",),
    "test": ("test",),
}

OF_THE_SYSTEM: Final = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""What desktops leave behind; with all names that begin with a dot it is not looked at."""

LAYOUTS: Final = "train/<class>/<picture> with val/ and test/ beside train/, or <class>/<picture>"


class ClassFiles(NamedTuple):
    """Paths of the pictures of a part, class by class, and of the files that are none; relative to the root."""

    pictures: dict[str, list[str]]
    others: list[str]


def refuse(problem: str, remedy: str) -> DataError:
    """The error of a folder whose layout is none of the two."""
    return DataError("D36", f"{problem}; allowed {LAYOUTS}", remedy)


def find_parts(root: Path) -> dict[str, str]:
    """The folder of each part, relative to the root; a root without parts is all training part, ``""``.

    Raises:
        DataError: code D36, for a root that is no folder or that has no folders, folders of parts beside others, two
            for one part, or none to train on; D16, for a link that leads out of the root.
    """
    if not root.is_dir():
        raise refuse(f"{root} is no folder", "data.root=<the folder of the pictures>")
    folders = [inside(root, entry.name, entry) for entry in listing(root) if entry.is_dir()]
    part_of = {alias: part for part, aliases in PART_FOLDERS.items() for alias in aliases}
    parts = [(part_of[folder.lower()], folder) for folder in folders if folder.lower() in part_of]
    if not folders:
        raise refuse(f"{root} has no folders in it", "data.root=<the folder of the class folders>")
    if not parts:
        return {"train": ""}
    classes = [folder for folder in folders if folder.lower() not in part_of]
    if classes:
        problem = f"{root} has folders of parts ({shown([folder for _, folder in parts])}) beside others"
        raise refuse(f"{problem} ({shown(classes)})", "the others somewhere else; a class of such a name renamed")
    for part, folder in parts:
        twice = [other for owner, other in parts if owner == part and other != folder]
        if twice:
            raise refuse(f"{root} has {folder}/ and {twice[0]}/ for one part", f"one folder {part}/")
    if "train" not in dict(parts):
        raise refuse(f"{root} has {shown([folder for _, folder in parts])} and no train/", "a folder train/")
    return {part: dict(parts)[part] for part in PART_FOLDERS if part in dict(parts)}


def class_files(root: Path, folder: str) -> ClassFiles:
    """The pictures of a part by class, a class being a folder; folders inside it belong to it.

    Args:
        root: the folder that nothing may lead out of.
        folder: that of the part, relative to ``root``.

    Raises:
        DataError: code D36 for pictures beside the class folders, D16 for a link that leads out of the root.
    """
    found = ClassFiles({}, [])
    entries = list(listing(root / folder))
    stray = [entry.name for entry in entries if is_picture(entry.name) and not entry.is_dir()]
    if stray:
        raise refuse(
            f"{root / folder} has {len(stray)} pictures in no class folder ({shown(stray)})", "each in its class folder"
        )
    for entry in entries:
        if entry.is_dir():
            pictures = found.pictures.setdefault(unicodedata.normalize("NFC", entry.name), [])
            for path in files_below(root, inside(root, f"{folder}/{entry.name}" if folder else entry.name, entry)):
                (pictures if is_picture(path) else found.others).append(path)
    return found


def files_below(root: Path, folder: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Every file in a folder and in those below it, relative to the root, folder by folder in the order of names.

    Args:
        root: the folder that nothing may lead out of.
        folder: relative to it.
        above: real paths of the folders through which this one was reached.

    Raises:
        DataError: code D16, for a link that leads out of the root or back to a folder above.
    """
    real = os.path.realpath(root / folder)
    if real in above:
        problem = f"{root / folder} is a link back to {real}, through which it is reached; allowed links elsewhere"
        raise DataError("D16", problem, "the link away")
    for entry in listing(root / folder):
        path = inside(root, f"{folder}/{entry.name}", entry)
        # A folder named like a picture is handed on as one, and refused by name when it is opened.
        if entry.is_dir() and not is_picture(entry.name):
            yield from files_below(root, path, (*above, real))
        else:
            yield path


def inside(root: Path, path: str, entry: "os.DirEntry[str]") -> str:
    """The path itself, unless it is a link that leads out of the root; code D16."""
    if entry.is_symlink():
        real, real_root = os.path.realpath(entry.path), os.path.realpath(root)
        if real != real_root and not real.startswith(os.path.join(real_root, "")):
            problem = f"{root / path} is a link to {real}, outside {root}; allowed files inside it"
            raise DataError("D16", problem, "the files themselves, or data.root=... with a folder that holds all")
    return path


def listing(folder: Path) -> list["os.DirEntry[str]"]:
    """What is in a folder, by name; nothing hidden, and nothing that desktops leave behind.

    Raises:
        DataError: code D36, for a folder that may not be looked into.
    """
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise refuse(f"{folder} cannot be listed ({error.strerror})", "the right to read it") from error
    return sorted((entry for entry in visible if entry.name.lower() not in OF_THE_SYSTEM), key=lambda entry: entry.name)


def is_picture(name: str) -> bool:
    """Whether a name ends like that of a picture.

    Example:
        >>> is_picture("IMG_1.JPG"), is_picture("notes.txt")
        (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def shown(names: list[str]) -> str:
    """The first three of some names.

    Example:
        >>> shown(["a", "b", "c", "d"])
        'a, b, c, ...'
    """
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
