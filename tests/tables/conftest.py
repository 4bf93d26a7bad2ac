"""Small tables for the tests of this room."""

from collections.abc import Callable
from pathlib import Path

import pytest

from torchheads.tables.table import Table, open_table


@pytest.fixture
def table_of(tmp_path: Path) -> Callable[..., Table]:
    """Makes a table out of lines of a CSV file, ``labels.csv``."""

    def make(*lines: str) -> Table:
        path = tmp_path / "labels.csv"
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return Table([open_table(path)])

    return make
