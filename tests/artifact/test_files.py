"""The files of a run's folder."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from torchheads import LabelLists
from torchheads.artifact import Rows, write_json, write_predictions, write_table, write_text


def test_json_is_strict(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": float("nan"), "b": {"c": [1.5, float("inf")]}, "d": "text", "e": 3})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": {"c": [1.5, None]}, "d": "text", "e": 3}


def test_nothing_is_left_half_written(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a.txt", "\ud800")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_table_leaves_nan_empty_and_disarms_formulas(tmp_path: Path) -> None:
    columns = {"name": ["=cmd()", 'a "b", c'], "f1": [0.123456789, float("nan")], "support": [3, 0]}
    write_table(tmp_path / "a.csv", columns)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["name", "f1", "support"], ["'=cmd()", "0.123457", "3"], ['a "b", c', "", "0"]]


def test_table_refuses_columns_of_unequal_length(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        write_table(tmp_path / "a.csv", {"a": [1], "b": [1, 2]})


def test_predictions_load_without_pickle(tmp_path: Path) -> None:
    rows = Rows(torch.tensor([4, 7]), torch.randn(2, 3, dtype=torch.bfloat16), torch.tensor([0, 2]))
    write_predictions(tmp_path / "predictions.npz", rows, torch.zeros(2, 3), torch.zeros(2, 3), torch.tensor([1, 2]))
    with np.load(tmp_path / "predictions.npz", allow_pickle=False) as saved:
        assert set(saved.files) == {"index", "logits", "scores", "probabilities", "predictions", "target"}
        assert saved["index"].tolist() == [4, 7]
        assert saved["logits"].dtype == np.float32
        np.testing.assert_array_equal(saved["logits"], rows.logits.float().numpy())
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.npz"]


def test_predictions_of_several_heads_begin_with_their_names(tmp_path: Path) -> None:
    lists = LabelLists.from_lists([[0, 1], []], 2)
    logits = {"species": torch.randn(2, 3), "tags": torch.randn(2, 2)}
    rows = Rows(
        torch.tensor([4, 7]), logits, {"species": torch.tensor([2, 0]), "tags": lists}, {"tags": torch.ones(2) > 0}
    )
    decided = {"species": torch.tensor([1, 2]), "tags": torch.ones(2, 2) > 0}
    write_predictions(tmp_path / "a.npz", rows, logits, logits, decided)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as saved:
        arrays = {
            name: saved[name].tolist()
            for name in saved.files
            if not name.endswith(("logits", "scores", "probabilities"))
        }
        np.testing.assert_array_equal(saved["tags/logits"], logits["tags"].numpy())
        np.testing.assert_array_equal(saved["species/scores"], logits["species"].numpy())
    assert arrays == {
        "index": [4, 7],
        "species/predictions": [1, 2],
        "tags/predictions": [[True, True]] * 2,
        "species/target": [2, 0],
        "tags/target_indices": [0, 1],
        "tags/target_offsets": [0, 2, 2],
        "tags/mask": [True, True],
    }
