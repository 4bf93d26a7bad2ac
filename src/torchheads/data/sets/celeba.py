"""CelebA: faces with 40 attributes each, of which any number hold.

n pictures, c classes.
"""

from functools import partial
from pathlib import Path
from typing import Final, Unpack, final

from torchheads.data.options import SourceOptions
from torchheads.data.sets.published import check_there, open_published
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.images import ImageFiles

PARTS: Final = ("train", "val", "test")
FILES: Final = (
    "celeba/ with list_attr_celeba.txt, list_eval_partition.txt, identity_CelebA.txt, list_bbox_celeba.txt, "
    "list_landmarks_align_celeba.txt and img_align_celeba.zip, unpacked or not"
)


@final
class CelebA(SourcedData):
    """Faces, cut out and aligned, with 40 attributes: 162,770 to train on, 19,867 for val and 19,962 to test on.

    Use it for labels of which every one is known for every picture; `Voc` and `Coco` have objects. All three parts are
    as published; calibration is cut from train.

    Args:
        root: the folder that holds ``celeba/``.
        download: whether archives may be unpacked and missing ones downloaded, for which the package ``gdown`` is
            needed; their host often refuses, so by hand is the safer way.
        **options: those of `SourcedData`.

    Raises:
        DataError: from `setup`: code D35 for files that are missing or damaged, D15 for pictures without a file.

    Source: Liu, Luo, Wang and Tang 2015, Deep Learning Face Attributes in the Wild.
    """

    name = "celeba"

    def __init__(self, root: str, download: bool = True, **options: Unpack[SourceOptions]) -> None:
        super().__init__(**options)
        self.root = root
        self.download = download

    def read(self) -> Source:
        """The published parts; attributes in the order of the file."""
        from torchvision import datasets  # type: ignore[import-untyped]  # here: few data need it

        root = Path(self.root).expanduser()
        make = partial(datasets.CelebA, str(root), "all")  # its lists take seconds; so they are read once for all parts
        dataset = open_published(make, self.download, self.name, root, FILES)
        part_of = dataset._load_csv("list_eval_partition.txt").data[:, 0]
        pictures = ImageFiles(root, [f"celeba/img_align_celeba/{file}" for file in dataset.filename])
        check_there(self.name, pictures, self.skip_bad)
        everything = Examples(pictures, dataset.attr == 1)
        parts = {part: everything.rows((part_of == number).nonzero()[:, 0]) for number, part in enumerate(PARTS)}
        return Source(parts, tuple(name for name in dataset.attr_names if name), "multi")
