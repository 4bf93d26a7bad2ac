"""Every reader gives the same pixels, whatever the batches, the order and the number of processes."""

import os
import signal

import pytest
import torch
from PIL import Image

from torchheads.data import Augmentation
from torchheads.data.readers import RowReader, WindowReader, WorkerReader, open_reader
from torchheads.errors import DataError
from torchheads.images import ImageFiles, ImageFormat, Pictures

CPU = torch.device("cpu")
FORMAT = ImageFormat(size=(6, 5), channels=3)
AUGMENT = Augmentation(shift=1, flip=True)
ROWS = 11


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(1, 256, (ROWS, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def files(images, tmp_path) -> ImageFiles:
    for number, image in enumerate(images):
        Image.fromarray(image.movedim(0, -1).numpy()).save(tmp_path / f"{number:02}.png")
    return ImageFiles(tmp_path, [f"{number:02}.png" for number in range(ROWS)])


def runs(*sizes: int) -> tuple[torch.Tensor, ...]:
    return torch.randperm(ROWS, generator=torch.Generator().manual_seed(1)).split(list(sizes))


def read(reader, runs, epoch=3) -> list[torch.Tensor]:
    return list(reader.batches(runs, epoch))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_the_same_pixels_from_every_reader(images, files, workers) -> None:
    order = runs(4, 4, 3)
    expected = [AUGMENT(images[run], run, seed=7, epoch=3) for run in order]
    for reader in (
        WindowReader(images, AUGMENT, seed=7),
        RowReader(images, AUGMENT, seed=7),
        WorkerReader(files, FORMAT, AUGMENT, 7, workers, CPU),
    ):
        batches = read(reader, order)
        assert len(batches) == 3
        assert all(torch.equal(batch, wanted) for batch, wanted in zip(batches, expected, strict=True))


def test_a_batch_does_not_depend_on_the_others(images) -> None:
    reader = RowReader(images, AUGMENT, seed=0)
    together, alone = torch.cat(read(reader, runs(6, 5))), torch.cat(read(reader, runs(*[1] * ROWS)))
    assert torch.equal(together, alone)
    assert not torch.equal(together, torch.cat(read(reader, runs(6, 5), epoch=4)))


def test_nothing_global_is_drawn_from(files) -> None:
    before = torch.get_rng_state()
    read(WorkerReader(files, FORMAT, AUGMENT, 0, 1, CPU), runs(6, 5))
    assert torch.equal(before, torch.get_rng_state())


def test_no_batches(images, files) -> None:
    for reader in (
        WindowReader(images, AUGMENT, 0),
        RowReader(images),
        WorkerReader(files, FORMAT, AUGMENT, 0, 0, CPU),
    ):
        assert read(reader, []) == []


def test_which_reader(images) -> None:
    assert isinstance(open_reader(images, AUGMENT, 0, CPU), WindowReader)
    assert isinstance(open_reader(images, None, 0, CPU), RowReader)
    large = images[:1].expand(10**6, -1, -1, -1)  # 90 MB as it is counted, 90 bytes in memory
    assert isinstance(open_reader(large, AUGMENT, 0, CPU), RowReader)
    features = torch.randn(ROWS, 4)
    assert torch.equal(torch.cat(read(open_reader(features, None, 0, CPU), runs(ROWS))), features[runs(ROWS)[0]])
    with pytest.raises(DataError, match=r"TH-D46: Augmentation\(shift=1, flip=True\) is for images, but one input has"):
        open_reader(features, AUGMENT, 0, CPU)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_picture_is_named(files, tmp_path, workers) -> None:
    (tmp_path / "05.png").write_bytes((tmp_path / "05.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"05\.png") as caught:
        read(WorkerReader(files, FORMAT, AUGMENT, 0, workers, CPU), runs(4, 4, 3))
    assert "Traceback" not in str(caught.value)


class DyingPictures(Pictures):
    """Pictures of which one takes the process that opens it with it."""

    def __len__(self) -> int:
        return ROWS

    def open(self, row: int) -> Image.Image:
        if row == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return Image.new("RGB", (5, 6))

    def where(self, row: int) -> str:
        return f"row {row}"

    def select(self, rows: torch.Tensor) -> Pictures:
        return self


def test_a_worker_that_dies_is_said() -> None:
    with pytest.raises(DataError, match="TH-D45: a worker process that decodes pictures died"):
        read(WorkerReader(DyingPictures(), FORMAT, AUGMENT, 0, 2, CPU), runs(4, 4, 3))
