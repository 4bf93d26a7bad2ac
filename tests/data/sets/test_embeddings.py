"""Features out of files, end to end: parts, names, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from torchheads.data import Embeddings
from torchheads.errors import DataError

FEATURES = np.arange(40, dtype=np.float32).reshape(20, 2)
TARGET = np.arange(20) % 3


def written(folder: Path, name: str = "f.npz", **arrays: Any) -> str:
    np.savez(folder / name, **({"features": FEATURES, "target": TARGET} | arrays))
    return str(folder / name)


def test_one_file_is_cut_by_seed(tmp_path: Path) -> None:
    data = Embeddings(written(tmp_path, class_names=np.array(["cat", "dog", "emu"])))
    data.setup()
    assert data.name == "f.npz"
    assert (data.label_type, data.class_names, data.input_shape) == ("single", ("cat", "dog", "emu"), (2,))
    assert sum(data.num_samples.values()) == 20
    for name in data.num_samples:
        split = data.split(name)
        rows = (split.input[:, 0] / 2).long()
        assert torch.equal(split.target, torch.from_numpy(TARGET)[rows])


def test_words_of_splits(tmp_path: Path) -> None:
    words = np.array(["train"] * 12 + ["valid"] * 4 + ["test"] * 4)
    data = Embeddings(written(tmp_path, split=words), calibration_share=0.25)
    data.setup()
    assert data.num_samples == {"train": 9, "val": 4, "calibration": 3, "test": 4}
    assert data.split("test").input[:, 0].tolist() == [32, 34, 36, 38]


def test_a_file_each_in_three_forms(tmp_path: Path) -> None:
    """Names of classes as texts, the same in all files; the classes are those of all files together."""
    words = np.array(["cat", "dog", "emu"])[TARGET]
    train = written(tmp_path, target=words)
    table = pa.table({"features": FEATURES[:4].tolist(), "target": words[:4]})
    parquet.write_table(table, tmp_path / "b.parquet")
    save_file({"features": torch.zeros(2, 2)}, tmp_path / "c.safetensors")
    data = Embeddings({"train": train, "valid": str(tmp_path / "b.parquet")})
    assert data.source.class_names == ("cat", "dog", "emu")
    assert data.source.parts["val"].target.tolist() == [0, 1, 2, 0]
    with pytest.raises(DataError, match=r"TH-D23: .*c.safetensors: no array 'target'"):
        _ = Embeddings({"train": train, "test": str(tmp_path / "c.safetensors")}).source


def test_multi_hot_with_unknown_entries(tmp_path: Path) -> None:
    target = np.eye(3)[TARGET]
    target[0, 1] = np.nan
    source = Embeddings(written(tmp_path, target=target), class_names=["a", "b", "c"]).source
    assert (source.label_type, source.class_names) == ("multi", ("a", "b", "c"))
    mask = source.parts["train"].mask
    assert mask is not None
    assert (~mask).nonzero().tolist() == [[0, 1]]
    assert not source.parts["train"].target[0, 1]


def test_classes_that_count_from_one(tmp_path: Path) -> None:
    data = Embeddings(written(tmp_path, target=TARGET + 1), label_offset=1)
    assert data.class_names == ("1", "2", "3")
    assert data.source.parts["train"].target.tolist() == TARGET.tolist()


@pytest.mark.parametrize(
    "arrays",
    [
        {"target": np.array(["cat", "dog"] * 10)},
        {"target": np.eye(2)[np.arange(20) % 2]},
        {"target": np.eye(2, dtype=np.int64)[np.arange(20) % 2]},
    ],
)
def test_an_offset_without_indices(tmp_path: Path, arrays: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="TH-D11: label_offset=1"):
        _ = Embeddings(written(tmp_path, **arrays), label_offset=1).source


def test_class_names_in_another_order(tmp_path: Path) -> None:
    train = written(tmp_path, class_names=np.array(["cat", "dog", "emu"]))
    test = written(tmp_path, "g.npz", class_names=np.array(["cat", "emu", "dog"]))
    with pytest.raises(
        DataError, match=r"TH-D05: .*g.npz has the same classes in another order than .*f.npz: class 1 is"
    ):
        _ = Embeddings({"train": train, "test": test}).source


def test_words_of_splits_in_files_that_are_splits(tmp_path: Path) -> None:
    train, test = written(tmp_path), written(tmp_path, "g.npz", split=np.full(20, "test"))
    with pytest.raises(DataError, match=r"TH-D21: .*g.npz has an array split and is one split itself"):
        _ = Embeddings({"train": train, "test": test}).source
