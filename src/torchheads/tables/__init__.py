"""Files of rows (CSV, Parquet, ARFF, arrays) read with care: what is wrong in them is named by file and line."""

from torchheads.tables.arff import ArffTable, encode, read_arff
from torchheads.tables.arff_header import Attribute
from torchheads.tables.column_options import ColumnOptions, FoundColumns, column_options
from torchheads.tables.feature_labels import labels_of
from torchheads.tables.features import Features, described, read_features
from torchheads.tables.find_columns import find_columns
from torchheads.tables.label_columns import LabelColumns, Labels
from torchheads.tables.label_xml import read_label_names
from torchheads.tables.splits import files_by_split, read_splits, rows_of_files, splits_of
from torchheads.tables.table import Table, open_table

__all__ = [
    "ArffTable",
    "Attribute",
    "ColumnOptions",
    "Features",
    "FoundColumns",
    "LabelColumns",
    "Labels",
    "Table",
    "column_options",
    "described",
    "encode",
    "files_by_split",
    "find_columns",
    "labels_of",
    "open_table",
    "read_arff",
    "read_features",
    "read_label_names",
    "read_splits",
    "rows_of_files",
    "splits_of",
]
