"""All pictures at once: the same for any number of threads, bad ones counted and named, damage always found."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from torchheads.errors import DataError
from torchheads.images import DatasetPictures, ImageFiles, ImageFormat, decode, read_image
from torchheads.images.decoding import CHUNK, without

GREY = ImageFormat((2, 2), 1)


@pytest.fixture(params=[1, 4])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def levels(count: int, bad: set[int] = frozenset()) -> DatasetPictures:
    """Pictures of one level each; a bad one is no picture."""
    return DatasetPictures([(None if row in bad else Image.new("L", (2, 2), row % 256), row) for row in range(count)])


def test_all_pictures_in_order(threads: int) -> None:
    images, rows, bad = decode(levels(300), GREY)
    assert (images.shape, images.dtype) == ((300, 1, 2, 2), torch.uint8)
    assert images[:, 0, 0, 0].tolist() == [row % 256 for row in range(300)]
    assert torch.equal(rows, torch.arange(300))
    assert bad == []


def test_it_is_what_one_picture_at_a_time_gives(threads: int, tmp_path: Path) -> None:
    generator, names = np.random.default_rng(0), []
    for row, mode in enumerate(["L", "RGB", "RGBA", "CMYK", "P"] * 15):
        pixels = generator.integers(0, 256, (*generator.integers(1, 90, 2), 3), dtype=np.uint8)
        names.append(f"{row}.{'tiff' if mode == 'CMYK' else 'png'}")
        Image.fromarray(pixels).convert(mode).save(tmp_path / names[-1])
    pictures, wanted = ImageFiles(tmp_path, names), ImageFormat((16, 12), 3, resize=20, interpolation="bicubic")
    images = decode(pictures, wanted).images
    assert torch.equal(images, torch.stack([read_image(pictures, row, wanted) for row in range(len(names))]))


def test_no_pictures() -> None:
    images, rows, bad = decode(DatasetPictures([]), GREY)
    assert (images.shape, rows.tolist(), bad) == ((0, 1, 2, 2), [], [])


@pytest.mark.parametrize("bad", [{0}, {199}, {0, 1, 2, 63, 64, 65, 198, 199}, set(range(200))])
def test_as_many_bad_ones_as_allowed_are_left_out_and_named(bad: set[int], threads: int) -> None:
    images, rows, lines = decode(levels(200, bad), GREY, skip_bad=len(bad))
    good = sorted(set(range(200)) - bad)
    assert rows.tolist() == good
    assert images[:, 0].flatten(1).tolist() == [[row] * 4 for row in good]
    assert [line.split(" is ")[0] for line in lines] == [f"TH-D08: list, row {row}" for row in sorted(bad)]
    assert not any("\n" in line or "Try" in line for line in lines)


def test_d18_one_more_is_an_error(threads: int) -> None:
    """The message is the same for any number of threads: chunks are looked at in order."""
    bad = {5, 40, 50, 60, 70, 400}
    with pytest.raises(DataError, match="TH-D18") as raised:
        decode(levels(500, bad), GREY, skip_bad=2)
    error, item = raised.value, "is tuple of NoneType, int; allowed a pair of a PIL image and its label"
    named = "; ".join(f"TH-D08: list, row {row} {item}" for row in (5, 40, 50))
    assert error.problem == f"bad pictures: 4 among the first 64 of 500, allowed skip_bad=2: {named}"
    assert error.remedy == "data.skip_bad=4 to leave these out, or mend them"


def test_d18_the_last_chunk_is_no_longer_than_the_rest() -> None:
    with pytest.raises(DataError, match="TH-D18: bad pictures: 2 among the first 40 of 40, allowed skip_bad=1"):
        decode(levels(40, {1, 39}), GREY, skip_bad=1)


def test_d18_those_left_out_of_other_splits_count() -> None:
    assert len(decode(levels(9, {1}), GREY, skip_bad=3, skipped=2).bad) == 1
    message = (
        "TH-D18: bad pictures: 1 among the first 9 of 9 after 3 in other splits, allowed skip_bad=3: .*skip_bad=4 to"
    )
    with pytest.raises(DataError, match=message):
        decode(levels(9, {1}), GREY, skip_bad=3, skipped=3)


def test_the_only_bad_one_is_named_by_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"TH-D15: .*a\.png \(row 0\) cannot be opened.*Try: data.root=.*skip_bad=1"):
        decode(ImageFiles(tmp_path, ["a.png"]), GREY)
    with pytest.raises(DataError, match="TH-D18: bad pictures: 2 among the first 2 of 2, allowed skip_bad=0"):
        decode(ImageFiles(tmp_path, ["a.png", "b.png"]), GREY)


def test_nothing_is_read_long_after_too_many_were_bad() -> None:
    read: list[int] = []

    class Noted:
        def __len__(self) -> int:
            return 100 * CHUNK

        def __getitem__(self, row: int) -> Any:
            read.append(row)
            return (None, row)

    with pytest.raises(DataError, match=r"TH-D18: bad pictures: 32 among the first 32 of 3,200"):
        decode(DatasetPictures(Noted()), GREY)
    assert len(read) < 50 * CHUNK
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_d11_and_d19() -> None:
    with pytest.raises(DataError, match="TH-D11: skip_bad=-1; allowed 0 or more"):
        decode(levels(1), GREY, skip_bad=-1)
    with pytest.raises(DataError, match="TH-D19: size=None"):
        decode(levels(1), ImageFormat(channels=1))


def test_bad_ones_are_left_out_in_place() -> None:
    """What is sound fills most of the memory there is: a copy of it must not be needed."""
    generator = np.random.default_rng(0)
    for count, bad in ((100, 7), (5 * CHUNK, 1), (3, 3), (1, 0), (2 * CHUNK + 1, 40)):
        images = torch.from_numpy(generator.integers(0, 256, (count, 3, 2, 2), dtype=np.uint8))
        rows = sorted(generator.choice(count, bad, replace=False).tolist())
        expected = np.delete(images.numpy().copy(), rows, axis=0)
        found = without(images, rows)
        assert found.untyped_storage().data_ptr() == images.untyped_storage().data_ptr()
        assert np.array_equal(found.numpy(), expected)


# Damage ---------------------------------------------------------------------------------------------------------------

KINDS = {"a.jpg": {}, "b.jpg": {"progressive": True}, "a.png": {}, "a.gif": {}, "a.bmp": {}, "a.webp": {}, "a.tiff": {}}
COLOUR = ImageFormat((8, 8), 3)


def whole(folder: Path, name: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / name, **KINDS[name])
    return (folder / name).read_bytes()


@pytest.mark.parametrize("name", KINDS)
def test_a_file_cut_off_anywhere_is_found(name: str, tmp_path: Path) -> None:
    """From one byte on to all but what may follow the last pixel (an end mark, or the tags of a TIFF)."""
    content = whole(tmp_path, name)
    ends = [*range(1, len(content) - 64, max(1, len(content) // 40)), len(content) - 64]
    for row, end in enumerate(ends):
        (tmp_path / f"{row}{name}").write_bytes(content[:end])
    pictures = ImageFiles(tmp_path, [f"{row}{name}" for row in range(len(ends))])
    found = decode(pictures, COLOUR, skip_bad=len(ends))
    assert found.rows.tolist() == []
    assert all(line.startswith("TH-D09: ") for line in found.bad)


@pytest.mark.parametrize("name", KINDS)
def test_bytes_changed_anywhere_give_a_picture_or_one_line(name: str, tmp_path: Path) -> None:
    content, generator = whole(tmp_path, name), np.random.default_rng(1)
    for row in range(60):
        damaged = bytearray(content)
        reach = (64, len(content))[row % 2]  # headers are small and hold most of what can go wrong
        for place in generator.integers(0, reach, 3):
            damaged[place] = generator.integers(0, 256)
        (tmp_path / f"{row}{name}").write_bytes(damaged)
    found = decode(ImageFiles(tmp_path, [f"{row}{name}" for row in range(60)]), COLOUR, skip_bad=60)
    assert len(found.rows) + len(found.bad) == 60
    assert found.bad
    assert all(line.isprintable() and line.startswith(("TH-D09: ", "TH-D17: ")) for line in found.bad)
