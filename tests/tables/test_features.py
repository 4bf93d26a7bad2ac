"""Features and targets as they may be, and everything else by array, row and column; code D23."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from torchheads.errors import DataError
from torchheads.tables.features import read_features

FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)


def written(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "f.npz", **({"features": FEATURES, "target": np.array([0, 1, 0])} | arrays))
    return folder / "f.npz"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_features_become_float32(tmp_path: Path, dtype: Any) -> None:
    file = read_features(written(tmp_path, features=FEATURES.astype(dtype)))
    assert torch.equal(file.features, torch.tensor([[0.0, 1], [2, 3], [4, 5]]))
    assert file.label_type == "single"
    assert file.split is None
    assert file.class_names is None


def test_everything_there_is(tmp_path: Path) -> None:
    file = read_features(
        written(
            tmp_path, target=np.eye(3, 2), split=np.array(["train", "test", "train"]), class_names=np.array(["a", "b"])
        )
    )
    assert file.label_type == "multi"
    assert file.split is not None
    assert file.split.tolist() == ["train", "test", "train"]
    assert file.class_names == ("a", "b")


def test_class_names_may_be_numbers(tmp_path: Path) -> None:
    assert read_features(written(tmp_path, class_names=np.array([7, 9]))).class_names == ("7", "9")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"features": FEATURES[0]}, "features are float32 of shape (2,); allowed shape (N, D)"),
        ({"features": FEATURES[:, :, None]}, "features are float32 of shape (3, 2, 1)"),
        ({"features": FEATURES[:0]}, "features are float32 of shape (0, 2)"),
        ({"features": FEATURES[:, :0]}, "features are float32 of shape (3, 0)"),
        ({"features": FEATURES.astype(np.int64)}, "features are int64 of shape (3, 2); allowed floating point"),
        ({"features": np.full((3, 2), "x")}, "features are text of shape (3, 2); allowed floating point"),
        ({"target": np.array([0, 1])}, "target is int64 of shape (2,) for 3 rows of features"),
        ({"target": np.int64(1)}, "target is int64 of shape () for 3 rows"),
        ({"target": np.zeros((3, 0))}, "target is float64 of shape (3, 0)"),
        ({"target": np.zeros((3, 2, 1))}, "target is float64 of shape (3, 2, 1)"),
        ({"target": np.array([0.0, 1, 0])}, "target is float64 of shape (3,); allowed class indices or names"),
        ({"target": np.array([True, False, True])}, "target[:, None] for one label"),
        ({"target": np.full((3, 2), "cat")}, "target is text of shape (3, 2); allowed 0 and 1"),
        ({"target": np.array([[0, 1], [1, 0], [0, 2]])}, "target[2, 1] is 2; allowed 0, 1, or NaN where unknown"),
        ({"target": np.array([[0, 0.5], [1, 0], [0, 1]])}, "target[0, 1] is 0.5"),
        ({"split": np.array(["train"])}, "split is text of shape (1,); allowed one text for each of 3 rows"),
        ({"split": np.array([0, 1, 1])}, "split is int64 of shape (3,)"),
        ({"class_names": np.array([0.5, 1])}, "class_names are float64 of shape (2,); allowed one text a class"),
    ],
)
def test_what_cannot_be(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    path = written(tmp_path, **arrays)
    with pytest.raises(DataError) as caught:
        read_features(path)
    assert caught.value.code == "D23"
    assert says in str(caught.value)
    assert str(path) in caught.value.problem


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite(tmp_path: Path, value: float) -> None:
    features = FEATURES.copy()
    features[1, 1] = features[2, 0] = value
    with pytest.raises(
        DataError, match=rf"TH-D23: .*features\[1, 1\] is {value}, in one of 2 such rows; allowed finite"
    ):
        read_features(written(tmp_path, features=features))


def test_a_number_too_large_for_float32(tmp_path: Path) -> None:
    features = FEATURES.astype(np.float64)
    features[2, 1] = 1e39
    with pytest.raises(DataError, match=r"TH-D23: .*features\[2, 1\] is 1e\+39"):
        read_features(written(tmp_path, features=features))


@pytest.mark.parametrize(("name", "typo"), [("features", "feats"), ("target", "targets")])
def test_an_array_that_is_missing(tmp_path: Path, name: str, typo: str) -> None:
    arrays = {"features": FEATURES, "target": np.array([0, 1, 0])}
    arrays[typo] = arrays.pop(name)
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(DataError, match=rf"TH-D23: .*f.npz: no array '{name}'; it has .*'{typo}'") as caught:
        read_features(tmp_path / "f.npz")
    assert caught.value.remedy == f"numpy.savez(path, {name}={typo}, ...)"


def test_the_features_are_the_matrix_whatever_the_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", X=FEATURES, y=np.array([0, 1, 0]))
    with pytest.raises(DataError, match=r"TH-D23: .*no array 'features'.*Try: numpy.savez\(path, features=X, ...\)"):
        read_features(tmp_path / "f.npz")
    np.savez(tmp_path / "f.npz", features=FEATURES, X=FEATURES, y=np.array([0, 1, 0]))
    with pytest.raises(DataError, match=r"TH-D23: .*no array 'target'.*Try: numpy.savez\(path, target=y, ...\)"):
        read_features(tmp_path / "f.npz")
