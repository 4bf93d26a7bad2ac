"""Targets of features by one list of classes, over all files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from torchheads.errors import DataError, TorchHeadsWarning
from torchheads.tables.feature_labels import labels_of
from torchheads.tables.features import Features


def file(target: Any, names: tuple[str, ...] | None = None, width: int = 2, path: str = "a.npz") -> Features:
    target = np.array(target)
    return Features(Path(path), torch.zeros(len(target), width), target, None, names)


def test_indices_are_named_by_number() -> None:
    train, test = labels_of([file([0, 2]), file([3])], None)
    assert train.class_names == test.class_names == ("0", "1", "2", "3")
    assert train.target.tolist() == [0, 2]
    assert train.target.dtype == torch.int64
    assert labels_of([file([1, 2])], None, label_offset=1)[0].class_names == ("1", "2")
    assert labels_of([file(np.array([0, 1], np.uint8))], None)[0].target.dtype == torch.int64


def test_numbers_that_do_not_start_at_0_are_warned_of() -> None:
    with pytest.warns(TorchHeadsWarning, match=r"TH-W02: a.npz: .* numbered from 1, .*Try: data.label_offset=1"):
        assert labels_of([file([1, 2]), file([3])], None)[0].class_names == ("0", "1", "2", "3")
    labels_of([file([1, 2]), file([0])], None)  # 0 is in the other file


def test_names_are_classes_in_order() -> None:
    train, test = labels_of([file(["dog", "cat "]), file(["ape"])], None)
    assert train.class_names == ("ape", "cat", "dog")
    assert (train.target.tolist(), test.target.tolist()) == ([2, 1], [0])


def test_multi_hot_with_unknown_entries() -> None:
    (labels,) = labels_of([file([[1, np.nan], [0, 1]])], ["cat", "dog"])
    assert labels.class_names == ("cat", "dog")
    assert labels.target.tolist() == [[True, False], [False, True]]
    assert labels.mask is not None
    assert labels.mask.tolist() == [[True, False], [True, True]]
    assert labels_of([file([[1, 0], [0, 1]])], None)[0].mask is None
    assert labels_of([file([[1, 0], [0, 1]])], None)[0].class_names == ("0", "1")


def test_the_same_classes_in_another_order() -> None:
    files = [file([0, 1], ("cat", "dog")), file([0, 1], ("dog", "cat"), path="b.npz")]
    with pytest.raises(
        DataError, match=r"TH-D05: b.npz has the same classes in another order than a.npz: class 0 is 'dog'"
    ):
        labels_of(files, None)
    with pytest.raises(DataError, match=r"TH-D05: a.npz has the same classes in another order than data.class_names"):
        labels_of(files[:1], ["dog", "cat"])


def test_other_classes() -> None:
    with pytest.raises(
        DataError, match=r"TH-D05: a.npz has other classes than data.class_names: class 2 is None, not 'cow'"
    ):
        labels_of([file([0, 1], ("cat", "dog"))], ["cat", "dog", "cow"])


def test_agreeing_lists_are_one() -> None:
    names = ("cat", "dog")
    assert labels_of([file([0, 1], names), file([1]), file([1], names)], list(names))[2].class_names == names


def test_an_empty_name() -> None:
    with pytest.raises(DataError, match=r"TH-D22: a.npz: target\[1\] is ''"):
        labels_of([file(["cat", "", "dog"])], None)


def test_a_name_that_is_no_class() -> None:
    with pytest.raises(DataError, match=r"TH-D22: a.npz: target\[1\] is 'cow'; allowed 'cat', 'dog'"):
        labels_of([file(["cat", "cow"])], ["cat", "dog"])


@pytest.mark.parametrize("target", [[0, 0], ["cat", "cat"], [-1, -1]])
def test_one_class(target: list[Any]) -> None:
    with pytest.raises(DataError, match=r"TH-D07: a.npz: (one class|the largest class index)"):
        labels_of([file(target)], None)


def test_an_index_that_is_a_mistake() -> None:
    with pytest.raises(DataError, match=r"TH-D07: b.npz: the largest class index is 20240101, target\[1\]"):
        labels_of([file([0, 1]), file([1, 20240101], path="b.npz")], None)


def test_names_and_columns_differ_in_number() -> None:
    with pytest.raises(DataError, match=r"TH-D23: a.npz: target has 2 columns for 3 class names, 'a', 'b', 'c'"):
        labels_of([file([[1, 0]])], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (file([0, 1], width=3, path="b.npz"), "b.npz: 3 features, a.npz has 2"),
        (
            file([[0, 1]], path="b.npz"),
            r"b.npz: target is int64 of shape \(1, 2\), in a.npz it is int64 of shape \(2,\)",
        ),
        (file(["cat"], path="b.npz"), "b.npz: target is text of shape"),
    ],
)
def test_files_that_do_not_fit(other: Features, says: str) -> None:
    with pytest.raises(DataError, match=f"TH-D23: {says}"):
        labels_of([file([0, 1]), other], None)
