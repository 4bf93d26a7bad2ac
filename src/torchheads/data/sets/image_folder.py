"""Your own pictures, one class each: a folder a class, with or without folders for train, val and test above them.

n examples, c classes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack, final

import torch

from torchheads.data.options import SourceOptions
from torchheads.data.sets.class_folders import ClassFiles, class_files, find_parts, refuse, shown
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.errors import DataError
from torchheads.images import SUFFIXES, ImageFiles


@final
class ImageFolder(SourcedData):
    """Pictures whose folder is their class: ``root/{train,val,test}/<class>/...``, or ``root/<class>/...`` alone.

    Use it where the folders say the class; `Manifest` is the sibling for a table of labels. ``val`` may be called
    ``valid`` or ``validation``; a part without a folder is cut from the training part by ``split_seed``. Classes are
    those of all parts together, sorted by the code points of their names; folders inside a class folder belong to it.
    Names that begin with a dot, ``Thumbs.db``, ``desktop.ini`` and ``__MACOSX`` are not looked at, nor are files beside
    the class folders, unless they are pictures.

    Args:
        root: the folder; nothing outside it is opened, and no link out of it followed.
        skip_other: how many files in class folders that are no pictures, by the end of their name, are left out and
            counted; one more is an error, since a picture of a form that cannot be read would go with them.
        **options: those of `SourcedData`.

    Raises:
        DataError: from `setup`: code D36 for a layout that is none of the two, fewer than two classes, or a class
            without pictures, D37 for more other files than ``skip_other``, D16 for a link out of the root.
    """

    name = "image_folder"

    def __init__(self, root: str, skip_other: int = 0, **options: Unpack[SourceOptions]) -> None:
        super().__init__(**options)
        if skip_other < 0:
            raise DataError("D11", f"skip_other={skip_other}; allowed 0 or more", "data.skip_other=0")
        self.root = root
        self.skip_other = skip_other

    def read(self) -> Source:
        """The folders of parts and classes; no picture is opened."""
        root = Path(self.root).expanduser()
        folders = find_parts(root)
        found = {part: class_files(root, folder) for part, folder in folders.items()}
        others = [path for files in found.values() for path in files.others]
        check_others(root, others, self.skip_other)
        names = check_classes(root, found)
        check_parts(root, folders, found)
        parts = {part: examples(root, files, names) for part, files in found.items()}
        return Source(parts, names, "single", tuple(f"{path} is no picture by its name" for path in others))


def examples(root: Path, files: ClassFiles, names: tuple[str, ...]) -> Examples:
    """The pictures of a part, class by class."""
    paths = [path for name in names for path in files.pictures.get(name, ())]
    counts = torch.tensor([len(files.pictures.get(name, ())) for name in names])
    return Examples(ImageFiles(root, paths), torch.arange(len(names)).repeat_interleave(counts))


def check_parts(root: Path, folders: Mapping[str, str], found: Mapping[str, ClassFiles]) -> None:
    """Refuse a part beside others without any picture, which a part that is not there would be cut for; code D36."""
    for part, folder in folders.items():
        if folder and not any(found[part].pictures.values()) and not found[part].others:
            remedy = "pictures in it" if part == "train" else f"no such folder: rows for {part} come from train then"
            raise refuse(f"{root / folder} holds no picture", remedy)


def check_classes(root: Path, found: Mapping[str, ClassFiles]) -> tuple[str, ...]:
    """Names of the classes of all parts, sorted; code D36 for fewer than two, or one without any picture."""
    names = tuple(sorted({name for files in found.values() for name in files.pictures}))
    empty = [name for name in names if not any(files.pictures.get(name) for files in found.values())]
    if len(names) < 2:
        what = f"one class folder alone ({names[0]})" if names else "no class folders"
        remedy = f"data.root={root / names[0]}, if the class folders lie in it" if names else "two class folders"
        raise refuse(f"{root} has {what}", remedy)
    if empty:
        raise refuse(
            f"{len(empty)} class folders in {root} hold no picture ({shown(empty)})",
            "pictures in them, or no such folders",
        )
    return names


def check_others(root: Path, others: list[str], skip_other: int) -> None:
    """Refuse more files that are no pictures than may be left out; code D37."""
    if len(others) > skip_other:
        problem = f"{len(others)} files in the class folders of {root} are no pictures by their names ({shown(others)})"
        problem += f"; allowed {skip_other}, and pictures that end in {' '.join(SUFFIXES)}"
        raise DataError("D37", problem, f"data.skip_other={len(others)} to leave them out, or only pictures there")
