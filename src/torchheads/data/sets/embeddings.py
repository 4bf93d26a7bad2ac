"""Your own features: arrays that a model has left, for linear probes and tables of numbers.

n examples, c classes, d features.
"""

from collections.abc import Mapping, Sequence
from typing import Unpack, final

from torchheads.data.options import SourceOptions
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.errors import DataError
from torchheads.tables import Features, described, files_by_split, labels_of, read_features, splits_of


@final
class Embeddings(SourcedData):
    """Features and targets from ``.npz``, ``.safetensors`` or Parquet, one file or one for each split.

    A file has the arrays ``features`` (N, D), floating point, and ``target``: class indices or names (N,), or a
    multi-hot (N, C) in which NaN is unknown. An array ``split`` (N,) of words says which rows are whose; what it does
    not name is cut from the training rows. ``class_names`` name the classes; in safetensors and Parquet they may also
    be a JSON list in the metadata. `Mulan` is the sibling for tables in MULAN's form.

    Args:
        path: the file, or one file for each split.
        class_names: the classes in their order; None takes those of the file, else numbers.
        **options: those of `SourcedData`.

    Raises:
        DataError: from `setup`: code D05 for class names in another order than in another file, D07 for one class
            alone, D10 for a file that cannot be read, D22 for a word that is no split or no class, D23 for arrays that
            are missing, of other shapes or types, or not finite. Code D11 for a label offset without class indices.
    """

    def __init__(
        self,
        path: str | Mapping[str, str],
        class_names: Sequence[str] | None = None,
        **options: Unpack[SourceOptions],
    ) -> None:
        super().__init__(**options)
        self.files = files_by_split(path)
        self.names = class_names
        self.name = " + ".join(file.name for file in self.files.values())

    def read(self) -> Source:
        """The arrays as they are, split as the files say."""
        files = {split: read_features(path) for split, path in self.files.items()}
        target = files["train"].target
        if self.label_offset and (target.ndim == 2 or target.dtype.kind == "U"):
            problem = f"label_offset={self.label_offset} for a target that is {described(target)}; allowed 0"
            raise DataError("D11", f"{problem}, except for class indices", "data.label_offset=0")
        labels = labels_of(list(files.values()), self.names, self.label_offset)
        parts = {
            split: Examples(file.features, label.target, label.mask)
            for (split, file), label in zip(files.items(), labels, strict=True)
        }
        if len(files) == 1:
            parts = published(parts["train"], files["train"])
        check_no_splits(files)
        return Source(parts, labels[0].class_names, files["train"].label_type)


def published(examples: Examples, file: Features) -> dict[str, Examples]:
    """The parts of one file by its words of splits; without them all rows are training rows."""
    if file.split is None:
        return {"train": examples}
    return {split: examples.rows(ids) for split, ids in splits_of(file.split, f"{file.path}: split").items()}


def check_no_splits(files: Mapping[str, Features]) -> None:
    """Refuse words of splits in files that are one split each; code D21."""
    for file in files.values():
        if len(files) > 1 and file.split is not None:
            problem = f"{file.path} has an array split and is one split itself; allowed one of the two"
            raise DataError("D21", problem, "the file without split, or data.path with this file alone")
