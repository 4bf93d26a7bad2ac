"""Pascal VOC, and any data annotated in its form: the label set of a picture is what its objects are.

n pictures, c classes.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Unpack, final

import torch
from jaxtyping import Bool
from torch import Tensor

from torchheads.data.options import SourceOptions
from torchheads.data.sets.published import check_there, multi_hot, open_published, picture_files
from torchheads.data.sets.voc_annotations import AnnotatedObject, read_objects
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.errors import DataError
from torchheads.images import ImageFiles

YEARS: Final = tuple(str(year) for year in range(2007, 2013))
PARTS: Final = ("train", "val", "calibration", "test")


@final
class Voc(SourcedData):
    """Pictures with Pascal VOC annotations, as label sets: a class is there if an object of it is.

    Use it for VOC and for your own data in its folders; `Coco` reads the other form. A class of which a picture has
    difficult objects alone is unknown there and masked, as VOC's own evaluation leaves these out. 2007 has a published
    test set; the later ones keep their test annotations to themselves, so their val is the test split.

    Args:
        root: the folder that holds ``VOCdevkit/VOC<year>`` with ``Annotations``, ``ImageSets/Main`` and ``JPEGImages``.
        year: 2007 to 2012.
        image_sets: which list of ``ImageSets/Main`` is which split; None for trainval and test of 2007, else for train,
            with val as test. What is not named is cut from ``train``.
        class_names: the classes in their order, where another one is an error; None for all that are found, sorted,
            which for VOC are its 20 in their usual order.
        download: whether what is missing may be downloaded; also into a folder with your own data.
        **options: those of `SourcedData`.

    Raises:
        DataError: code D35, for another year or split and, from `setup`, for files that are missing; from `setup` D38
            for a broken annotation, D39 for a picture without one or an object of another class, D15 for pictures
            without a file.

    Source: Everingham, Van Gool, Williams, Winn and Zisserman 2010, The Pascal Visual Object Classes (VOC) Challenge.
    """

    def __init__(
        self,
        root: str,
        year: str | int = "2007",
        image_sets: Mapping[str, str] | None = None,
        class_names: Sequence[str] | None = None,
        download: bool = False,
        **options: Unpack[SourceOptions],
    ) -> None:
        super().__init__(**options)
        usual = {"train": "trainval", "test": "test"} if str(year) == "2007" else {"train": "train", "test": "val"}
        self.root = root
        self.year = str(year)
        self.image_sets = usual if image_sets is None else dict(image_sets)
        self.wanted_names = None if class_names is None else tuple(class_names)
        self.download = download
        self.name = f"voc {year}"
        if self.year not in YEARS:
            raise DataError("D35", f"year={year}; allowed {', '.join(YEARS)}", "data.year=2012")
        if "train" not in self.image_sets or not set(self.image_sets) <= set(PARTS):
            problem = f"image_sets={self.image_sets}; allowed train and any of {', '.join(PARTS[1:])}"
            raise DataError("D35", problem, "data.image_sets={train: trainval, test: test}")

    def read(self) -> Source:
        """The image sets; an annotation is read once and only its labels are kept."""
        from torchvision import datasets  # type: ignore[import-untyped]  # here: few data need it

        root = Path(self.root).expanduser()
        files = f"VOCdevkit/VOC{self.year}/ with Annotations, ImageSets/Main and JPEGImages"
        pictures, objects = {}, {}
        for part, image_set in self.image_sets.items():
            make = partial(datasets.VOCDetection, str(root), self.year, image_set)
            dataset = open_published(make, self.download, f"image set {image_set} of {self.name}", root, files)
            pictures[part] = picture_files(root, [Path(path) for path in dataset.images])
            check_there(f"{image_set} of {self.name}", pictures[part], self.skip_bad)
            objects[part] = [read_objects(Path(path)) for path in dataset.annotations]
        names = self.wanted_names or found_names(objects)
        parts = {part: examples(pictures[part], objects[part], names) for part in self.image_sets}
        return Source(parts, names, "multi")


def found_names(objects: Mapping[str, list[list[AnnotatedObject]]]) -> tuple[str, ...]:
    """All classes that any object has, sorted."""
    return tuple(sorted({found.name for part in objects.values() for picture in part for found in picture}))


def examples(pictures: ImageFiles, objects: list[list[AnnotatedObject]], names: tuple[str, ...]) -> Examples:
    """Label sets of a part, and which entries are known: not those of which there are difficult objects alone.

    Raises:
        DataError: code D39, for an object of another class.
    """
    labels = {name: label for label, name in enumerate(names)}
    pairs: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    for row, picture in enumerate(objects):
        for found in picture:
            if found.name not in labels:
                problem = f"{pictures.where(row)} has an object of class {found.name!r}; allowed {', '.join(names)}"
                raise DataError("D39", problem, "data.class_names=null for all that are found")
            pairs[found.is_difficult].append((row, labels[found.name]))
    clear, difficult = (sets_of(found, (len(objects), len(names))) for found in pairs.values())
    known = clear | ~difficult
    return Examples(pictures, clear, None if known.all() else known)


def sets_of(pairs: list[tuple[int, int]], shape: tuple[int, int]) -> Bool[Tensor, "n c"]:
    """Label sets from pairs of row and label, of which there may be none."""
    rows, labels = torch.tensor(pairs, dtype=torch.int64).view(-1, 2).T
    return multi_hot(rows, labels, shape)
