"""Your own pictures: a table that names a picture and its labels in each row, CSV or Parquet.

n rows, c classes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Unpack, final

from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from torchheads.data.options import SourceOptions
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.errors import DataError
from torchheads.images import ImageFiles
from torchheads.tables import (
    Labels,
    Table,
    column_options,
    files_by_split,
    find_columns,
    open_table,
    read_splits,
    rows_of_files,
)

SHOWN: Final = 3


@final
class Manifest(SourcedData):
    """Pictures and labels named by a table, in one of three shapes, found by what the cells hold.

    One column of classes is single-label data. A column of label sets (``cat;dog``, empty for no label) or a column of
    0 and 1 for each label (empty for unknown) is multi-label data. A column ``split`` says which rows are whose; what
    it does not name is cut from the training rows. `ImageFolder` is the sibling for pictures sorted into folders.

    Args:
        path: the table, or one table for each split.
        root: the folder that the pictures' paths start from; None for the folder of the table.
        columns: roles by name (image, label, labels, split, separator, ignore, delimiter), where they are not found.
        class_names: the classes in their order; None finds them.
        **options: those of `SourcedData`.

    Raises:
        DataError: from `setup`: code D07 for names that do not tell classes apart, D10 for a file that is no table,
            D15 for pictures that are missing, D20 for a column that there is not, D21 where the cells leave a doubt,
            D22 for a cell that is not allowed or a picture with two different labels. Code D11 for a label offset.
    """

    def __init__(
        self,
        path: str | Mapping[str, str],
        root: str | None = None,
        columns: Mapping[str, Any] | None = None,
        class_names: Sequence[str] | None = None,
        **options: Unpack[SourceOptions],
    ) -> None:
        super().__init__(**options)
        if self.label_offset:
            problem = f"label_offset={self.label_offset}; allowed 0, since the classes of a table are known by name"
            raise DataError("D11", problem, "data.label_offset=0")
        self.files = files_by_split(path)
        self.root = Path(root).expanduser() if root is not None else self.files["train"].parent
        self.columns = column_options(columns or {})
        self.names = class_names
        self.name = " + ".join(file.name for file in self.files.values())

    def read(self) -> Source:
        """The rows of the table, as they are; says in one line what was found in it."""
        table = self.open()
        found = find_columns(table, self.columns, self.root)
        labels = found.labels.read(table, self.names)
        rows = self.rows_by_split(table, found.split)
        pictures = self.pictures(table, found.image)
        check_one_label(table, pictures.paths, labels)
        self.check_files(table, pictures)
        say(f"{self.name}: {table.files[0].form}, {len(table):,} rows, {found}")
        whole = Examples(pictures, labels.target, labels.mask)
        parts = {split: whole.rows(ids) for split, ids in rows.items()}
        return Source(parts, labels.class_names, found.labels.label_type)

    def open(self) -> Table:
        """The table, read whole.

        Raises:
            DataError: code D20, for a column to ignore that no file has.
        """
        files = [open_table(path, self.columns.delimiter) for path in self.files.values()]
        for name in self.columns.ignore:
            if not any(name in file.names for file in files):
                names = ", ".join(map(repr, files[0].names[:12]))
                problem = f"data.columns.ignore has {name!r}, no column of {self.name}; its columns are {names}"
                raise DataError("D20", problem, "the list without it")
        return Table(files, self.columns.ignore)

    def rows_by_split(self, table: Table, column: str | None) -> Mapping[str, Tensor]:
        """Row ids of the published splits: by file, by column, or all of them training rows.

        Raises:
            DataError: code D21, for files by split that have a column of splits too.
        """
        if len(self.files) == 1:
            return rows_of_files(table, self.files) if column is None else read_splits(table, column)
        if column is not None:
            problem = f"{table.where_names(column)}: splits in files that are one split each; allowed one of the two"
            raise DataError("D21", problem, f"data.columns.ignore=[{column}], or one file")
        return rows_of_files(table, self.files)

    def pictures(self, table: Table, column: str) -> ImageFiles:
        """The pictures of all rows.

        Raises:
            DataError: code D22 for a row without a picture, D16 for a path that leaves the folder.
        """
        paths = table.column(column, "data.columns.image").texts()
        if "" in paths:
            problem = f"{table.where(paths.index(''), column)}: an empty cell; allowed the path of a picture"
            raise DataError("D22", problem, "the path there, or the file without this row")
        return ImageFiles(self.root, paths)

    def check_files(self, table: Table, pictures: ImageFiles) -> None:
        """Refuse more missing pictures than may be skipped.

        Raises:
            DataError: code D15, with how many, and the lines of the first.
        """
        missing = pictures.missing().tolist()
        if len(missing) > self.skip_bad:
            shown = "; ".join(f"{table.where(row)}: {pictures.paths[row]!r}" for row in missing[:SHOWN])
            problem = f"{len(missing):,} of {len(pictures):,} pictures are not in {self.root} ({shown}); allowed files"
            remedy = f"data.root={root_of(self.root, pictures.paths[missing[0]]) or '<where the paths start>'}"
            if len(missing) < len(pictures):
                remedy += f", or data.skip_bad={len(missing)} to leave them out"
            raise DataError("D15", problem, remedy)


def root_of(root: Path, path: str) -> Path | None:
    """The folder beside, above or below a root that a path does start from; None where there is none near."""
    near = [*root.parents[:2], *root.glob("*/"), *root.parent.glob("*/")]
    return next((folder for folder in near if (folder / path).is_file()), None)


def check_one_label(table: Table, paths: Sequence[str], labels: Labels) -> None:
    """Refuse a picture that stands in two rows with different labels, as where every label has a row of its own.

    Raises:
        DataError: code D22, with both lines.
    """
    if len(set(paths)) == len(paths):
        return
    rows: dict[str, int] = {}
    for row, path in enumerate(paths):
        first = rows.setdefault(path, row)
        if first != row and not same_labels(labels, first, row):
            problem = f"{table.where(first)} and {table.where(row)}: {path!r} with different labels"
            remedy = "one row a picture, its labels in one cell (cat;dog) or in columns of 0 and 1"
            raise DataError("D22", f"{problem}; allowed one row a picture", remedy)


def same_labels(labels: Labels, one: int, other: int) -> bool:
    """Whether two rows have the same labels and know the same of them."""
    parts = [labels.target] + ([labels.mask] if labels.mask is not None else [])
    return all(bool((part[one] == part[other]).all()) for part in parts)


@rank_zero_only
def say(line: str) -> None:
    """Print a line, on the first rank alone."""
    print(line, flush=True)
