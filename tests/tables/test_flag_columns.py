"""One column a label: 0, 1, unknown, and everything else refused by line and column."""

from collections.abc import Callable

import pytest
import torch

from torchheads.errors import DataError
from torchheads.tables.flag_columns import FlagColumns
from torchheads.tables.table import Table

Make = Callable[..., Table]
ROWS = ("image,hat,tie", "a.jpg,1,0", "b.jpg,,1", "c.jpg,0,0.0", "d.jpg,TRUE,false")


def test_by_hand(table_of: Make) -> None:
    labels = FlagColumns(["hat", "tie"]).read(table_of(*ROWS))
    assert labels.class_names == ("hat", "tie")
    assert labels.target.int().tolist() == [[1, 0], [0, 1], [0, 0], [1, 0]]
    assert labels.mask is not None
    assert labels.mask.int().tolist() == [[1, 1], [0, 1], [1, 1], [1, 1]]
    assert labels.target.dtype == labels.mask.dtype == torch.bool


def test_all_known_needs_no_mask(table_of: Make) -> None:
    assert FlagColumns(["hat"]).read(table_of("image,hat", "a.jpg,1", "b.jpg,0")).mask is None


def test_typed_classes_fix_the_order(table_of: Make) -> None:
    labels = FlagColumns(["hat", "tie"]).read(table_of(*ROWS), ["tie", "hat"])
    assert labels.class_names == ("tie", "hat")
    assert labels.target[1].tolist() == [True, False]


@pytest.mark.parametrize("cell", ["2", "yes", "-1", "0.5", "nan"])
def test_neither_0_nor_1(table_of: Make, cell: str) -> None:
    table = table_of("image,hat,tie", "a.jpg,1,0", "b.jpg,0,1", f"c.jpg,0,{cell}")
    with pytest.raises(
        DataError, match=rf"TH-D22: .*labels.csv, line 4, column 'tie': '{cell}'; allowed 0, 1 or empty"
    ) as caught:
        FlagColumns(["hat", "tie"]).read(table)
    assert "data.columns.ignore=[tie]" in caught.value.remedy


def test_a_class_without_column_and_a_column_without_class(table_of: Make) -> None:
    with pytest.raises(
        DataError, match=r"TH-D20: .*class 'ties' of data.class_names is none .*Try: tie in data.class_names"
    ):
        FlagColumns(["hat", "tie"]).read(table_of(*ROWS), ["hat", "ties"])
    with pytest.raises(DataError, match=r"TH-D20: .*label column 'tie' is not in .*data.columns.ignore=\[tie\]"):
        FlagColumns(["hat", "tie"]).read(table_of(*ROWS), ["hat"])


def test_in_words() -> None:
    assert str(FlagColumns(["hat", "tie"])) == "2 labels of 0 and 1, 'hat' to 'tie'"
    assert str(FlagColumns(["hat"])) == "one label of 0 and 1, 'hat'"
    assert FlagColumns(["hat", "tie"]).columns == ("hat", "tie")
