"""MS COCO, and any data annotated in its form: the label set of a picture is what its instances are.

n pictures, c classes.
"""

from pathlib import Path
from typing import Final, Unpack, final

from torchheads.data.options import SourceOptions
from torchheads.data.sets.coco_annotations import read_instances
from torchheads.data.sets.published import check_there
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.errors import DataError
from torchheads.images import ImageFiles

YEARS: Final = ("2014", "2017")


@final
class Coco(SourcedData):
    """Pictures of COCO as label sets: a class is there if an instance of it is, crowds included.

    Use it for COCO and for your own data in its folders; `Voc` reads the other form. The published val is the test
    split (the published test has no annotations), val and calibration are cut from train. A picture without an instance
    has the empty set; the classes are those of the file, in the order of their ids.

    Args:
        root: the folder that holds ``annotations/instances_train2017.json``, ``annotations/instances_val2017.json`` and
            the pictures in ``train2017/`` and ``val2017/``.
        year: 2017 or 2014, which is in the name of each of them.
        **options: those of `SourcedData`.

    Raises:
        DataError: code D35, for another year and, from `setup`, for a file that is missing; from `setup` D38 for a
            broken file, D39 for lists in it that do not fit each other, D15 for pictures without a file.

    Source: Lin et al. 2014, Microsoft COCO: Common Objects in Context.
    """

    def __init__(self, root: str, year: str | int = "2017", **options: Unpack[SourceOptions]) -> None:
        super().__init__(**options)
        if str(year) not in YEARS:
            raise DataError("D35", f"year={year}; allowed {', '.join(YEARS)}", "data.year=2017")
        self.root = root
        self.year = str(year)
        self.name = f"coco {year}"

    def read(self) -> Source:
        """Both parts; of the annotations only the label sets are kept."""
        root, parts, classes = Path(self.root).expanduser(), {}, {}
        for part, published in (("train", "train"), ("test", "val")):
            folder = f"{published}{self.year}"
            instances = read_instances(root / "annotations" / f"instances_{folder}.json")
            pictures = ImageFiles(root, [f"{folder}/{name}" for name in instances.pictures])
            check_there(f"{folder} of coco", pictures, self.skip_bad)
            parts[part], classes[part] = Examples(pictures, instances.target), instances.classes
        if classes["train"] != classes["test"]:
            differ = dict(classes["train"].items() ^ classes["test"].items())
            problem = f"the categories of the train and val files in {root} differ in {list(differ.items())[:3]}"
            raise DataError("D39", f"{problem}; allowed the same ids and names in both", "files of one version")
        return Source(parts, tuple(classes["train"].values()), "multi")
