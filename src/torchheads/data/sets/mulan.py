"""MULAN data sets: tables of features with a label set each, as ARFF and XML files with published splits.

n examples, c classes, d features.
"""

from pathlib import Path
from typing import Final, Unpack, final

import torch
from jaxtyping import Bool
from torch import Tensor

from torchheads.data.options import SourceOptions
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.errors import DataError
from torchheads.tables import ArffTable, encode, read_arff, read_label_names

PARTS: Final = ("train", "test")


@final
class Mulan(SourcedData):
    """A data set in MULAN's form: ``<set>-train.arff``, ``<set>-test.arff``, and label names in ``<set>.xml``.

    Use it for the tabular multi-label benchmarks; `Embeddings` reads features from arrays. Everything that the XML does
    not name is a feature, nominal ones one-hot. A label without a value (``?``) is unknown and masked. A set that comes
    as ``<set>.arff`` alone has no published split: all parts are cut from it by ``split_seed``.

    Args:
        root: the folder that holds the folder of the set, or that folder itself.
        set: its name, such as ``"scene"``.
        **options: those of `SourcedData`.

    Raises:
        DataError: from `setup`, codes D24 to D28 for what is wrong in a file, D29 for files that are missing or do not
            fit each other.

    Source: Tsoumakas, Spyromitros-Xioufis, Vilcek and Vlahavas 2011, Mulan: A Java library for multi-label learning.
    """

    def __init__(self, root: str, set: str, **options: Unpack[SourceOptions]) -> None:
        super().__init__(**options)
        self.root = root
        self.set = set
        self.name = f"mulan {set}"

    def read(self) -> Source:
        """The published parts; classes in the order of the XML file."""
        folder = find_folder(Path(self.root).expanduser(), self.set)
        names = read_label_names(folder / f"{self.set}.xml")
        files = {part: folder / f"{self.set}-{part}.arff" for part in PARTS}
        if not any(file.exists() for file in files.values()) and (folder / f"{self.set}.arff").exists():
            files = {"train": folder / f"{self.set}.arff"}
        tables = {part: read_arff(file) for part, file in files.items()}
        for table in tables.values():
            check_same_attributes(tables["train"], table)
        return Source({part: examples(table, names) for part, table in tables.items()}, names, "multi")


def find_folder(root: Path, name: str) -> Path:
    """The folder with the XML file of a set: ``root / name`` or ``root``.

    Raises:
        DataError: code D29, saying what there is instead.
    """
    for folder in (root / name, root):
        if (folder / f"{name}.xml").is_file() and Path(name).name == name:
            return folder
    found = sorted(file.stem for file in (*root.glob("*/*.xml"), *root.glob("*.xml")))
    problem = f"no {name}.xml in {root} or {root / name}; found {', '.join(found[:8]) or 'no set'}"
    raise DataError("D29", problem, f"data.set={found[0]}" if found else "data.root=<the folder with the sets>")


def check_same_attributes(train: ArffTable, other: ArffTable) -> None:
    """Refuse a file whose columns are not those of the training file; code D29, naming the first that differs."""
    for place, (here, there) in enumerate(zip(train.attributes, other.attributes, strict=False)):
        if here != there:
            what = f"attribute {place} is {there.name!r} ({there.allowed}) in {other.path}; allowed {here.name!r}"
            raise DataError("D29", f"{what} ({here.allowed}) as in {train.path}", "files of one set and version")
    if len(train.attributes) != len(other.attributes):
        problem = f"{len(other.attributes)} attributes in {other.path}; allowed {len(train.attributes)}"
        raise DataError("D29", f"{problem}, as in {train.path}", "files of one set and version")


def examples(table: ArffTable, names: tuple[str, ...]) -> Examples:
    """Features and label sets of a file, given which attributes are labels.

    Raises:
        DataError: code D27 for a feature without a value, D29 for a label that is no attribute or neither 0 nor 1.
    """
    places = {attribute.name: place for place, attribute in enumerate(table.attributes)}
    absent = [name for name in names if name not in places]
    if absent:
        problem = f"the labels {absent[:5]} of the XML file are no attributes of {table.path}"
        raise DataError("D29", f"{problem}; allowed its attributes", "files of one set and version")
    labels = [places[name] for name in names]
    features, _ = encode(table, [place for place in places.values() if place not in set(labels)])
    columns = [label_column(table, place) for place in labels]
    target = torch.stack([target for target, _ in columns], dim=1)
    known = torch.stack([known for _, known in columns], dim=1)
    return Examples(features, target, None if known.all() else known)


def label_column(table: ArffTable, place: int) -> tuple[Bool[Tensor, "n"], Bool[Tensor, "n"]]:
    """Which rows have a label, and of which that is known; each of shape (N,).

    Raises:
        DataError: code D29, for a value that is neither 0 nor 1.
    """
    attribute, values = table.attributes[place], table.values[:, place]
    known = ~values.isnan()
    numbers = values.where(known, 0)
    if attribute.categories:
        meaning = torch.tensor([{"0": 0.0, "1": 1.0}.get(category, torch.nan) for category in attribute.categories])
        numbers = meaning[numbers.long()].where(known, 0)
    wrong = ((numbers != 0) & (numbers != 1)).nonzero().flatten()
    if len(wrong):
        row = int(wrong[0])
        value = attribute.categories[int(values[row])] if attribute.categories else f"{values[row]:g}"
        problem = f"{table.where(row)}: label {attribute.name!r} is {value!r}; allowed 0 and 1, or ? for unknown"
        raise DataError("D29", problem, f"@attribute {attribute.name!r} {{0,1}}")
    return numbers == 1, known
