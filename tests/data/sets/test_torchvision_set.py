"""Every published set, written as its publishers lay it out and read by torchvision's own loading code."""

import gzip
import hashlib
import json
import pickle
import struct
import tarfile
import urllib.request
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from torchheads.data import TorchvisionSet
from torchheads.data.sets.torchvision_set import SETS
from torchheads.errors import DataError
from torchheads.images import ImageFiles, ImageFormat, decode

Patch = pytest.MonkeyPatch


class Written(NamedTuple):
    """What was written: labels by part, the colour (channels first) of training picture 1, class names 0 and -1."""

    labels: dict[str, list[int]]
    colour: tuple[int, ...]
    names: tuple[str, str]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: Patch) -> list[str]:
    """No test asks the network; what was asked for."""
    asked: list[str] = []

    def refuse(request: Any, *args: Any, **kwargs: Any) -> None:
        asked.append(getattr(request, "full_url", request))
        raise OSError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return asked


def colours(count: int, *shape: int) -> np.ndarray:
    """Pictures of one grey each, 10, 20, ...; uint8."""
    return np.broadcast_to(10 * np.arange(1, count + 1, dtype=np.uint8).reshape(-1, *[1] * len(shape)), (count, *shape))


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


def picture(file: Path, grey: int, size: tuple[int, int] = (8, 8)) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (grey,) * 3).save(file, quality=100)


def idx(images: np.ndarray, labels: list[int]) -> dict[str, bytes]:
    """The two IDX files: magic number (type 8, dimensions), sizes, bytes; all big-endian."""
    return {
        "images-idx3-ubyte": struct.pack(">4i", 0x803, *images.shape) + images.tobytes(),
        "labels-idx1-ubyte": struct.pack(">2i", 0x801, len(labels)) + bytes(labels),
    }


IDX_LABELS = {"train": [3, 0, 9], "test": [1, 2]}


def write_idx(folder: str, names: tuple[str, str]) -> Callable[[Path, Patch], Written]:
    def write(root: Path, monkeypatch: Patch) -> Written:
        (root / folder / "raw").mkdir(parents=True)
        for part, prefix in (("train", "train"), ("test", "t10k")):
            for name, content in idx(colours(len(IDX_LABELS[part]), 28, 28), IDX_LABELS[part]).items():
                (root / folder / "raw" / f"{prefix}-{name}").write_bytes(content)
        return Written(IDX_LABELS, (20,), names)

    return write


def cifar_files(folder: Path, key: str, batches: dict[str, list[int]]) -> None:
    """Pickles as published: rows of 1024 red, 1024 green, 1024 blue."""
    folder.mkdir(parents=True)
    for name, labels in batches.items():
        planes = np.stack([colours(len(labels), 32, 32) + channel for channel in range(3)], axis=1).astype(np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": planes.reshape(len(labels), 3072), key: labels}))


def patch_cifar(dataset: Any, folder: Path, monkeypatch: Patch) -> None:
    for listed in ("train_list", "test_list"):
        names = [name for name, _ in getattr(dataset, listed)]
        monkeypatch.setattr(dataset, listed, [[name, md5(folder / name)] for name in names])
    monkeypatch.setattr(dataset, "meta", dataset.meta | {"md5": md5(folder / dataset.meta["filename"])})


def write_cifar10(root: Path, monkeypatch: Patch) -> Written:
    folder = root / "cifar-10-batches-py"
    batches = {f"data_batch_{number}": [number - 1, number] for number in range(1, 6)}
    cifar_files(folder, "labels", {**batches, "test_batch": [9, 0]})
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["airplane", *"bcdefghi", "truck"]}))
    patch_cifar(datasets.CIFAR10, folder, monkeypatch)
    return Written({"train": [0, 1, 1, 2, 2, 3, 3, 4, 4, 5], "test": [9, 0]}, (20, 21, 22), ("airplane", "truck"))


def write_cifar100(root: Path, monkeypatch: Patch) -> Written:
    folder = root / "cifar-100-python"
    cifar_files(folder, "fine_labels", {"train": [99, 0, 5], "test": [5]})
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"class {label:02}" for label in range(100)]}))
    patch_cifar(datasets.CIFAR100, folder, monkeypatch)
    return Written({"train": [99, 0, 5], "test": [5]}, (20, 21, 22), ("class 00", "class 99"))


def write_svhn(root: Path, monkeypatch: Patch) -> Written:
    """MATLAB arrays (32, 32, 3, n) with labels 1 to 10, where 10 is the digit 0."""
    root.mkdir()
    patched = {}
    for part, labels in (("train", [10, 1, 9]), ("test", [5, 10])):
        planes = np.stack([colours(len(labels), 32, 32) + channel for channel in range(3)], axis=1).astype(np.uint8)
        file = root / f"{part}_32x32.mat"
        savemat(file, {"X": planes.transpose(2, 3, 1, 0), "y": np.array(labels)[:, None]})
        patched[part] = ["http://nowhere/", file.name, md5(file)]
    monkeypatch.setattr(datasets.SVHN, "split_list", patched)
    return Written({"train": [0, 1, 9], "test": [5, 0]}, (20, 21, 22), ("0", "9"))


def write_stl10(root: Path, monkeypatch: Patch) -> Written:
    """Binary files of pictures column by column, labels 1 to 10; no class_names.txt, which is not checked either."""
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    (folder / "unlabeled_X.bin").write_bytes(b"")
    for part, labels in (("train", [1, 10, 2]), ("test", [3])):
        planes = np.stack([colours(len(labels), 96, 96) + channel for channel in range(3)], axis=1).astype(np.uint8)
        planes[0, 0, 5, 90] = 255  # row 5, column 90
        (folder / f"{part}_X.bin").write_bytes(planes.transpose(0, 1, 3, 2).tobytes())
        (folder / f"{part}_y.bin").write_bytes(bytes(labels))
    for listed in ("train_list", "test_list"):
        files = [[name, md5(folder / name)] for name, _ in getattr(datasets.STL10, listed)]
        monkeypatch.setattr(datasets.STL10, listed, files)
    return Written({"train": [0, 9, 1], "test": [2]}, (20, 21, 22), ("airplane", "truck"))


def write_food101(root: Path, monkeypatch: Patch) -> Written:
    folder = root / "food-101"
    listed = {
        "train": {"waffles": ["waffles/7", "waffles/8"], "apple_pie": ["apple_pie/1"]},
        "test": {"waffles": ["waffles/9"], "apple_pie": ["apple_pie/2"]},
    }
    (folder / "meta").mkdir(parents=True)
    for part, classes in listed.items():
        (folder / "meta" / f"{part}.json").write_text(json.dumps(classes))
        for number, path in enumerate(chain(*classes.values()), start=1):
            picture(folder / "images" / f"{path}.jpg", 10 * number)
    return Written({"train": [1, 1, 0], "test": [1, 0]}, (20, 20, 20), ("apple_pie", "waffles"))


def write_eurosat(root: Path, monkeypatch: Patch) -> Written:
    for number, path in enumerate(("Forest/1", "Forest/2", "River/1"), start=1):
        picture(root / "eurosat" / "2750" / f"{path}.jpg", 10 * number)
    return Written({"train": [0, 0, 1]}, (20, 20, 20), ("Forest", "River"))


def write_flowers102(root: Path, monkeypatch: Patch) -> Written:
    """Pictures are numbered from 1, labels count from 1."""
    folder = root / "flowers-102"
    for number in range(1, 6):
        picture(folder / "jpg" / f"image_{number:05}.jpg", 10 * number)
    savemat(folder / "imagelabels.mat", {"labels": np.array([[102, 1, 3, 2, 77]])})
    savemat(
        folder / "setid.mat", {"trnid": np.array([[4, 2]]), "valid": np.array([[5, 1]]), "tstid": np.array([[3, 5]])}
    )
    files = datasets.Flowers102._file_dict
    patched = {key: (name, md5(folder / name) if key != "image" else "") for key, (name, _) in files.items()}
    monkeypatch.setattr(datasets.Flowers102, "_file_dict", patched)
    labels = {"train": [1, 0], "val": [76, 101], "test": [2, 76]}
    return Written(labels, (20, 20, 20), ("pink primrose", "blackberry lily"))


def write_pets(root: Path, monkeypatch: Patch) -> Written:
    """Lists of: name of the picture, class from 1, cat or dog, number within that."""
    folder = root / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    (folder / "annotations" / "trainval.txt").write_text("beagle_7 2 2 1\nAbyssinian_1 1 1 1\nbeagle_8 2 2 1\n")
    (folder / "annotations" / "test.txt").write_text("Abyssinian_2 1 1 1\nbeagle_9 2 2 1\n")
    for number, name in enumerate(("beagle_7", "Abyssinian_1", "beagle_8", "Abyssinian_2", "beagle_9"), start=1):
        picture(folder / "images" / f"{name}.jpg", 10 * number)
    return Written({"train": [1, 0, 1], "test": [0, 1]}, (20, 20, 20), ("Abyssinian", "Beagle"))


WRITERS: dict[str, Callable[[Path, Patch], Written]] = {
    "mnist": write_idx("MNIST", ("0 - zero", "9 - nine")),
    "fashion_mnist": write_idx("FashionMNIST", ("T-shirt/top", "Ankle boot")),
    "cifar10": write_cifar10,
    "cifar100": write_cifar100,
    "svhn": write_svhn,
    "stl10": write_stl10,
    "food101": write_food101,
    "eurosat": write_eurosat,
    "flowers102": write_flowers102,
    "pets": write_pets,
}


def test_every_set_is_written() -> None:
    assert set(WRITERS) == set(SETS)


@pytest.mark.parametrize("download", [True, False])
@pytest.mark.parametrize("name", SETS)
def test_parts_labels_pixels_and_names(
    name: str, download: bool, tmp_path: Path, monkeypatch: Patch, no_network: list[str], capfd: Any
) -> None:
    root = tmp_path / "data"
    written = WRITERS[name](root, monkeypatch)
    source = TorchvisionSet(str(root), name, download=download).read()
    assert {part: examples.target.tolist() for part, examples in source.parts.items()} == written.labels
    assert (source.class_names[0], source.class_names[-1]) == written.names
    assert source.label_type == "single"
    for part, examples in source.parts.items():
        assert len(examples.input) == len(examples.target) == len(written.labels[part])
        assert examples.target.dtype == torch.int64
        assert examples.mask is None
    images = source.parts["train"].input
    if isinstance(images, ImageFiles):
        images = decode(images, ImageFormat(size=(8, 8), channels=3)).images
    assert images.dtype == torch.uint8
    assert images.is_contiguous()
    assert images[1].flatten(1).float().mean(1).tolist() == pytest.approx(written.colour, abs=1)
    assert no_network == []
    assert capfd.readouterr() == ("", "")


def test_a_picture_of_stl10_is_upright(tmp_path: Path, monkeypatch: Patch) -> None:
    write_stl10(tmp_path / "data", monkeypatch)
    images = TorchvisionSet(str(tmp_path / "data"), "stl10").read().parts["train"].input
    assert (images[0, 0] == 255).nonzero().tolist() == [[5, 90]]


def write_many(root: Path, count: int = 40) -> None:
    (root / "MNIST" / "raw").mkdir(parents=True)
    for prefix, rows in (("train", count), ("t10k", 6)):
        for name, content in idx(colours(rows, 28, 28), [row % 2 for row in range(rows)]).items():
            (root / "MNIST" / "raw" / f"{prefix}-{name}").write_bytes(content)


def test_the_published_test_set_is_the_test_split_and_the_rest_is_cut_from_train(tmp_path: Path) -> None:
    write_many(tmp_path)
    data = TorchvisionSet(str(tmp_path), "mnist", val_share=0.2, calibration_share=0.1)
    assert data.num_samples == {"train": 28, "val": 8, "calibration": 4, "test": 6}
    assert data.split("test").input[:, 0, 0, 0].tolist() == [10, 20, 30, 40, 50, 60]
    assert data.split("val").target.bincount().tolist() == [4, 4]


def test_a_set_without_a_published_test_set_is_cut_by_split_seed(tmp_path: Path) -> None:
    for number in range(20):
        picture(tmp_path / "eurosat" / "2750" / ("Forest", "River")[number % 2] / f"{number}.png", 10 * number)

    def rows(split_seed: int) -> list[int]:
        data = TorchvisionSet(str(tmp_path), "eurosat", split_seed=split_seed)
        assert data.num_samples == {"train": 12, "val": 2, "calibration": 2, "test": 4}
        return data.split("test").input[:, 0, 0, 0].tolist()

    assert rows(0) == rows(0) != rows(1)


def test_a_published_val_is_val(tmp_path: Path, monkeypatch: Patch) -> None:
    write_flowers102(tmp_path, monkeypatch)
    data = TorchvisionSet(str(tmp_path), "flowers102", calibration_share=0.5, allow_overlap=True)
    with pytest.warns(UserWarning, match="TH-W04"):  # classes of val and test that the two training pictures lack
        data.setup()
    assert data.num_samples == {"train": 1, "val": 2, "calibration": 1, "test": 2}


def test_archives_are_unpacked_without_a_network(tmp_path: Path, monkeypatch: Patch, no_network: list[str]) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    resources = []
    for part, prefix in (("train", "train"), ("test", "t10k")):
        for name, content in idx(colours(len(IDX_LABELS[part]), 28, 28), IDX_LABELS[part]).items():
            file = raw / f"{prefix}-{name}.gz"
            file.write_bytes(gzip.compress(content))
            resources.append((file.name, md5(file)))
    monkeypatch.setattr(datasets.FashionMNIST, "resources", resources)
    with pytest.raises(DataError, match=r"TH-D35: fashion_mnist cannot be read .* Try: data.download=true"):
        TorchvisionSet(str(tmp_path), "fashion_mnist", download=False).read()
    assert len(list(raw.iterdir())) == 4  # nothing is written unless it may be
    source = TorchvisionSet(str(tmp_path), "fashion_mnist").read()
    assert source.parts["test"].target.tolist() == IDX_LABELS["test"]
    assert no_network == []


def test_an_archive_of_cifar_is_unpacked_without_a_network(
    tmp_path: Path, monkeypatch: Patch, no_network: list[str]
) -> None:
    write_cifar10(tmp_path / "elsewhere", monkeypatch)
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "elsewhere" / "cifar-10-batches-py", "cifar-10-batches-py")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(archive))
    assert len(TorchvisionSet(str(tmp_path), "cifar10").read().parts["train"].target) == 10
    assert no_network == []


@pytest.mark.parametrize("name", SETS)
def test_a_download_that_fails_says_which_files_belong_where(name: str, tmp_path: Path, no_network: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        TorchvisionSet(str(tmp_path / "nothing"), name).read()
    assert caught.value.code == "D35"
    assert len(no_network) >= 1
    text = str(caught.value)
    assert str(tmp_path / "nothing") in text
    assert SETS[name].files in text
    assert "no network" in text
    assert "\n" not in text


@pytest.mark.parametrize("fault", ["cut", "empty", "labels", "no magic number"])
def test_damaged_files_are_refused(fault: str, tmp_path: Path) -> None:
    write_many(tmp_path)
    images, labels = (
        tmp_path / "MNIST" / "raw" / f"train-{kind}" for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    if fault == "cut":
        images.write_bytes(images.read_bytes()[:-1])
    elif fault == "empty":
        images.write_bytes(b"")
    elif fault == "labels":
        labels.write_bytes(struct.pack(">2i", 0x801, 3) + bytes(3))
    else:
        images.write_bytes(bytes(2000))
    with pytest.raises(DataError, match=r"TH-D35: .*mnist.* allowed"):
        TorchvisionSet(str(tmp_path), "mnist").read()


def test_a_damaged_pickle_is_not_loaded(tmp_path: Path, monkeypatch: Patch) -> None:
    """A pickle is a program: its checksum is compared before it is opened."""
    write_cifar10(tmp_path, monkeypatch)
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    batch.write_bytes(b"cos\nsystem\n(S'touch " + bytes(str(tmp_path / "ran"), "utf-8") + b"'\ntR.")
    with pytest.raises(DataError, match="TH-D35"):
        TorchvisionSet(str(tmp_path), "cifar10", download=False).read()
    assert not (tmp_path / "ran").exists()


def test_a_set_that_there_is_not() -> None:
    with pytest.raises(DataError, match="TH-D35: set='cifar'; allowed mnist, fashion_mnist, cifar10"):
        TorchvisionSet("data", "cifar")


def test_label_names_are_as_many_as_labels_need(tmp_path: Path) -> None:
    """A label that a damaged file makes up is refused by row before training."""
    write_many(tmp_path)
    labels = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + bytes([10]))
    with pytest.raises(ValueError, match="TH-T01: split 'train' of mnist got class index 10 "):
        TorchvisionSet(str(tmp_path), "mnist").setup()
