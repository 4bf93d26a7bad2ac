"""Arrays by name out of three kinds of files, and files that are damaged, are none or would run code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from torchheads.errors import DataError
from torchheads.tables.arrays import read_arrays

FEATURES = np.array([[0.5, 1.0], [2.0, -3.0], [0.0, 4.0]], np.float32)
TARGET = np.array([1, 0, 1])
NAMES = ["cat", "dog"]


def npz(folder: Path) -> Path:
    np.savez(folder / "f.npz", features=FEATURES, target=TARGET, class_names=np.array(NAMES))
    return folder / "f.npz"


def compressed(folder: Path) -> Path:
    np.savez_compressed(folder / "g.npz", features=FEATURES, target=TARGET, class_names=np.array(NAMES))
    return folder / "g.npz"


def safetensors(folder: Path) -> Path:
    tensors = {"features": torch.from_numpy(FEATURES), "target": torch.from_numpy(TARGET)}
    save_file(tensors, folder / "f.safetensors", {"class_names": json.dumps(NAMES)})
    return folder / "f.safetensors"


def bfloat16(folder: Path) -> Path:
    tensors = {"features": torch.from_numpy(FEATURES).bfloat16(), "target": torch.from_numpy(TARGET)}
    save_file(tensors, folder / "g.safetensors", {"class_names": json.dumps(NAMES)})
    return folder / "g.safetensors"


def lists(folder: Path, kind: Any = None) -> Path:
    table = pa.table({"features": pa.array(FEATURES.tolist(), kind or pa.list_(pa.float32())), "target": TARGET})
    table = table.replace_schema_metadata({"class_names": json.dumps(NAMES)})
    parquet.write_table(table, folder / "f.parquet", row_group_size=2)
    return folder / "f.parquet"


def fixed_lists(folder: Path) -> Path:
    return lists(folder, pa.list_(pa.float32(), 2))


@pytest.mark.parametrize("write", [npz, compressed, safetensors, bfloat16, lists, fixed_lists])
def test_every_kind_of_file(tmp_path: Path, write: Any) -> None:
    arrays = read_arrays(write(tmp_path))
    assert sorted(arrays) == ["class_names", "features", "target"]
    np.testing.assert_array_equal(arrays["features"], FEATURES)  # these numbers are exact in bfloat16
    assert arrays["features"].dtype == np.float32
    np.testing.assert_array_equal(arrays["target"], TARGET)
    assert arrays["class_names"].tolist() == NAMES


def test_texts_of_parquet(tmp_path: Path) -> None:
    table = pa.table({"target": ["cat", None], "split": pa.array(["train", "test"]).dictionary_encode()})
    parquet.write_table(table, tmp_path / "f.parquet")
    arrays = read_arrays(tmp_path / "f.parquet")
    assert arrays["target"].tolist() == ["cat", ""]
    assert arrays["split"].tolist() == ["train", "test"]
    assert {array.dtype.kind for array in arrays.values()} == {"U"}


def test_a_null_in_a_list_is_nan(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"target": [[1.0, None], [0.0, 1.0]]}), tmp_path / "f.parquet")
    np.testing.assert_array_equal(read_arrays(tmp_path / "f.parquet")["target"], [[1, np.nan], [0, 1]])


@pytest.mark.parametrize("rows", [[[1.0, 2.0], [3.0]], [[1.0, 2.0], None], [None, [1.0]]])
def test_rows_of_different_lengths(tmp_path: Path, rows: list[Any]) -> None:
    parquet.write_table(pa.table({"features": rows}), tmp_path / "f.parquet")
    with pytest.raises(DataError, match=r"TH-D23: .*f.parquet: features\[\d\] has \d numbers, .*; allowed one length"):
        read_arrays(tmp_path / "f.parquet")


def test_python_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", features=FEATURES, target=np.array([[0], [1, 2], []], object))
    with pytest.raises(
        DataError, match=r"TH-D23: .*f.npz: array 'target' holds Python objects, which are not unpickled"
    ):
        read_arrays(tmp_path / "f.npz")


@pytest.mark.parametrize("name", ["f.npz", "f.safetensors", "f.parquet"])
@pytest.mark.parametrize("data", [b"no archive at all", b"PK\x03\x04", b"\x80\x04pickle", b"{}"])
def test_a_file_of_another_kind(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"(?i)TH-D10: .*{name} cannot be read as {Path(name).suffix[1:]}"):
        read_arrays(tmp_path / name)


@pytest.mark.parametrize("write", [npz, compressed, safetensors, lists])
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_half_a_file(tmp_path: Path, write: Any, keep: float) -> None:
    path = write(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(DataError, match="TH-D10"):
        read_arrays(path)


def test_a_damaged_member(tmp_path: Path) -> None:
    path = npz(tmp_path)
    data = bytearray(path.read_bytes())
    place = data.index(FEATURES.tobytes())
    data[place : place + 4] = b"XXXX"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"TH-D10: .*array 'features' is damaged"):
        read_arrays(path)


def test_an_unknown_ending_and_a_missing_file(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", FEATURES)
    with pytest.raises(DataError, match=r"TH-D10: .*'.npy'; allowed .npz, .safetensors, .parquet"):
        read_arrays(tmp_path / "f.npy")
    with pytest.raises(DataError, match=r"TH-D10: there is no file"):
        read_arrays(tmp_path / "f.npz")


@pytest.mark.parametrize("text", ["cat,dog", '{"cat": 0}'])
def test_class_names_in_metadata_are_a_json_list(tmp_path: Path, text: str) -> None:
    save_file({"target": torch.zeros(2)}, tmp_path / "f.safetensors", {"class_names": text})
    with pytest.raises(DataError, match=r"TH-D23: .*allowed a JSON list of names"):
        read_arrays(tmp_path / "f.safetensors")
