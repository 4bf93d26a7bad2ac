"""States keep dtype and rows through every cast, reset, copy and a rank without rows."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import nn

from torchheads.metrics.states import PinnedMetric, RankTable, Totals

CASTS: dict[str, Callable[[nn.Module], object]] = {
    "half": lambda module: module.half(),
    "bfloat16": lambda module: module.bfloat16(),
    "to_float16": lambda module: module.to(torch.float16),
    "to_bfloat16": lambda module: module.to(torch.bfloat16),
    "to_device_and_dtype": lambda module: module.to("cpu", torch.float16),
    "type": lambda module: module.type(torch.float16),
    "float": lambda module: module.float(),
    "parent": lambda module: nn.Sequential(module).to(torch.bfloat16),
    "set_dtype": lambda module: module.set_dtype(torch.float16),  # type: ignore[operator]
}


def totals() -> Totals:
    """A count and a sum that float16 cannot hold."""
    state = Totals(rows=torch.zeros((), dtype=torch.int64), loss=torch.zeros((), dtype=torch.float64))
    state.update(rows=torch.tensor(100_001), loss=torch.tensor(0.1, dtype=torch.float64))
    return state


def table() -> RankTable:
    """Two batches of keys that only float64 tells apart."""
    state = RankTable(num_classes=1)
    for key in (0.1, 0.1 + 1e-16):
        state.update(torch.tensor([[key]], dtype=torch.float64), torch.tensor([[1]], dtype=torch.uint8))
    return state


@pytest.mark.parametrize("cast", CASTS)
def test_no_cast_changes_a_state(cast: str) -> None:
    sums, rows = totals(), table()
    for state in (sums, rows):
        CASTS[cast](state)
    assert sums.rows.dtype == torch.int64
    assert sums.rows == 100_001
    assert sums.loss.dtype == torch.float64
    assert sums.total("loss") == 0.1
    rows.settle()
    assert rows.rows()[0].flatten().tolist() == [0.1, 0.1 + 1e-16]
    for state in (sums, rows):
        state.reset()
    sums.update(loss=torch.tensor(0.1, dtype=torch.float64))
    assert sums.total("loss") == 0.1


def test_the_device_still_moves() -> None:
    sums, rows = totals().to("meta"), table().to("meta")
    assert sums.loss.device.type == "meta"
    assert sums.loss.dtype == torch.float64
    assert rows.keys[0].device.type == "meta"
    assert rows.keys[0].dtype == torch.float64
    assert rows.device.type == "meta"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))])
def test_copies_go_on(again: Callable[[PinnedMetric], PinnedMetric]) -> None:
    sums, rows = again(totals()), again(table())
    assert isinstance(sums, Totals)
    assert isinstance(rows, RankTable)
    sums.update(rows=torch.tensor(1))
    rows.settle()
    assert sums.total("rows") == 100_002
    assert rows.rows()[0].shape == (2, 1)


def test_inference_mode_leaves_no_trap() -> None:
    """A sum reset under inference mode can be added to outside of it."""
    sums = totals()
    with torch.inference_mode():
        sums.reset()
        sums.update(rows=torch.tensor(1))
    sums.update(rows=torch.tensor(2))
    assert sums.total("rows") == 3


def test_settle_holds_the_rows_once() -> None:
    rows = table()
    rows.settle()
    assert len(rows.keys) == len(rows.target) == 1
    held = rows.keys[0]
    rows.settle()
    assert rows.keys[0] is held
    assert rows.rows()[0] is held


def test_a_rank_without_rows_has_a_table_of_the_right_form() -> None:
    rows = RankTable(num_classes=3)
    rows.settle()
    keys, target = rows.rows()
    assert keys.shape == target.shape == (0, 3)
    assert keys.dtype == torch.float64
    assert target.dtype == torch.uint8
    rows.update(torch.rand(2, 3, dtype=torch.float64), torch.ones(2, 3, dtype=torch.uint8))
    rows.settle()
    assert rows.rows()[0].shape == (2, 3)
    rows.reset()
    rows.settle()
    assert rows.rows()[0].shape == (0, 3)


def test_sums_by_name() -> None:
    assert {name: float(value) for name, value in totals().compute().items()} == {"rows": 100_001.0, "loss": 0.1}
