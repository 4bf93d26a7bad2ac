"""The single-label benchmarks of torchvision behind one adapter: a table says in what they differ.

n examples, c classes.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Unpack, final

import numpy as np
import torch

from torchheads.data.options import SourceOptions
from torchheads.data.sets.published import open_published, picture_files
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.errors import DataError


def grey(dataset: Any, root: Path) -> Examples:
    """Images (n, height, width) in memory."""
    return Examples(dataset.data[:, None], dataset.targets)


def channels_last(dataset: Any, root: Path) -> Examples:
    """Images (n, height, width, channels) in memory."""
    images = torch.from_numpy(np.ascontiguousarray(dataset.data.transpose(0, 3, 1, 2)))
    return Examples(images, torch.tensor(dataset.targets))


def channels_first(dataset: Any, root: Path) -> Examples:
    """Images (n, channels, height, width) in memory."""
    images = torch.from_numpy(np.ascontiguousarray(dataset.data))
    return Examples(images, torch.from_numpy(dataset.labels).to(torch.int64))


def listed(dataset: Any, root: Path) -> Examples:
    """Pictures in files that the dataset lists beside their labels."""
    return Examples(picture_files(root, dataset._image_files), torch.tensor(dataset._labels))


def listed_pets(dataset: Any, root: Path) -> Examples:
    """As `listed`, by the name that the pets give their list."""
    return Examples(picture_files(root, dataset._images), torch.tensor(dataset._labels))


def in_folders(dataset: Any, root: Path) -> Examples:
    """Pictures in one folder a class."""
    paths = [Path(path) for path, _ in dataset.samples]
    return Examples(picture_files(root, paths), torch.tensor(dataset.targets))


class Published(NamedTuple):
    """One data set: torchvision's class, the keywords of each part, how it is read, its files, names it has not."""

    dataset: str
    parts: Mapping[str, Mapping[str, Any]]
    read: Callable[[Any, Path], Examples]
    files: str
    class_names: tuple[str, ...] = ()


BY_FLAG: Final = {"train": {"train": True}, "test": {"train": False}}
BY_NAME: Final = {"train": {"split": "train"}, "test": {"split": "test"}}
WITH_VAL: Final = {part: {"split": part} for part in ("train", "val", "test")}
TRAINVAL: Final = {"train": {"split": "trainval"}, "test": {"split": "test"}}

IDX: Final = "{}/raw/ with train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and the two t10k-... beside them"
STL: Final = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")

SETS: Final[Mapping[str, Published]] = {
    "mnist": Published("MNIST", BY_FLAG, grey, IDX.format("MNIST")),
    "fashion_mnist": Published("FashionMNIST", BY_FLAG, grey, IDX.format("FashionMNIST")),
    "cifar10": Published("CIFAR10", BY_FLAG, channels_last, "cifar-10-python.tar.gz"),
    "cifar100": Published("CIFAR100", BY_FLAG, channels_last, "cifar-100-python.tar.gz"),
    "svhn": Published("SVHN", BY_NAME, channels_first, "train_32x32.mat and test_32x32.mat", tuple("0123456789")),
    "stl10": Published("STL10", BY_NAME, channels_first, "stl10_binary.tar.gz", STL),
    "food101": Published("Food101", BY_NAME, listed, "food-101.tar.gz"),
    "eurosat": Published("EuroSAT", {"train": {}}, in_folders, "eurosat/EuroSAT.zip"),
    "flowers102": Published(
        "Flowers102", WITH_VAL, listed, "flowers-102/ with 102flowers.tgz, imagelabels.mat and setid.mat"
    ),
    "pets": Published(
        "OxfordIIITPet", TRAINVAL, listed_pets, "oxford-iiit-pet/ with images.tar.gz and annotations.tar.gz"
    ),
}


@final
class TorchvisionSet(SourcedData):
    """A published single-label data set of images, through torchvision, which verifies what it downloads.

    Use it for the standard benchmarks; `ImageFolder` is the sibling for your own pictures. The published test set is
    the test split, a published validation set is val (flowers102), and everything else is cut from the training part
    (all of it for eurosat, which publishes none). Small images come into memory at once, without a picture being
    opened; the labels of pictures in files are read from their lists.

    Args:
        root: the folder below which torchvision looks for the set and downloads it to.
        set: its name, a key of `SETS`.
        download: whether archives may be unpacked and missing ones downloaded; false never writes.
        **options: those of `SourcedData`.

    Raises:
        DataError: code D35, for a set that there is not and, from `setup`, for files that are missing or damaged.
    """

    def __init__(self, root: str, set: str, download: bool = True, **options: Unpack[SourceOptions]) -> None:
        super().__init__(**options)
        if set not in SETS:
            raise DataError("D35", f"set={set!r}; allowed {', '.join(SETS)}", "data=cifar10")
        self.root = root
        self.set = set
        self.download = download
        self.name = set

    def read(self) -> Source:
        """The published parts; class names of the set, in its order."""
        from torchvision import datasets  # type: ignore[import-untyped]  # here: few data need it

        published, root = SETS[self.set], Path(self.root).expanduser()
        make = getattr(datasets, published.dataset)
        parts, names = {}, published.class_names
        for part, keywords in published.parts.items():
            opener = partial(make, str(root), **keywords)
            dataset = open_published(opener, self.download, self.set, root, published.files)
            parts[part] = published.read(dataset, root)
            check_lengths(f"{part} of {self.set}", root, parts[part])
            names = tuple(getattr(dataset, "classes", names)) if part == "train" else names
        return Source(parts, names, "single")


def check_lengths(part: str, root: Path, examples: Examples) -> None:
    """Refuse pictures and labels that are not of one number, as files of two origins are not; code D35."""
    if len(examples.input) != len(examples.target):
        problem = f"{part} in {root} has {len(examples.input)} pictures and {len(examples.target)} labels; allowed as"
        raise DataError("D35", f"{problem} many labels as pictures", "these files away, and data.download=true")
