"""Files of a folder: faults are named by file, row and remedy, and what lies outside is never opened."""

import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageFile

from torchheads.errors import DataError
from torchheads.images import ImageFiles, ImageFormat, read_image

SMALL = ImageFormat((2, 2), 1)


def read(root: Path, path: str) -> torch.Tensor:
    return read_image(ImageFiles(root, [path], torch.tensor([7])), 0, SMALL)


def header_alone(width: int, height: int) -> bytes:
    """A PNG of which only the header is there: whoever decodes a pixel fails."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", b"")]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def folder(file: Path) -> None:
    file.mkdir()


def pipe(file: Path) -> None:
    os.mkfifo(file)


def empty(file: Path) -> None:
    file.touch()


def text(file: Path) -> None:
    file.write_text("no picture")


def truncated(file: Path) -> None:
    Image.effect_noise((64, 64), 99).save(file, "JPEG")
    file.write_bytes(file.read_bytes()[:-200])


def postscript(file: Path) -> None:
    Image.new("L", (4, 4)).save(file, "EPS")


def bomb(file: Path) -> None:
    file.write_bytes(header_alone(20_000, 20_000))


def small_bomb(file: Path) -> None:
    """Above Pillow's limit and below twice of it, where Pillow only warns."""
    file.write_bytes(header_alone(10_000, 10_000))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda file: None, r"TH-D15: {} \(row 7\) cannot be opened \(No such file or directory\).*Try: data\.root="),
        (folder, r"TH-D15: {} \(row 7\) cannot be opened \(a folder\); allowed a file"),
        (pipe, r"TH-D15: {} \(row 7\) cannot be opened \(no plain file\)"),
        (empty, r"TH-D09: {} \(row 7\) cannot be read as a picture \(0 bytes\). Try: a whole PNG or JPEG file there"),
        (text, r"TH-D09: {} \(row 7\) cannot be read as a picture \(UnidentifiedImageError"),
        (truncated, r"TH-D09: {} \(row 7\) cannot be read as a picture \(OSError: image file is truncated"),
        (postscript, r"TH-D09: {} \(row 7\) cannot be read as a picture \(PostScript\)"),
        (bomb, r"TH-D17: {} \(row 7\) has 400,000,000 pixels; allowed 89,478,485 \(PIL.Image.MAX.*Try: a smaller"),
    ],
)
def test_a_bad_file_is_one_line_with_file_row_and_remedy(
    make: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    make(tmp_path / "a.png")
    with pytest.raises(DataError, match=message.format(tmp_path / "a.png")) as raised:
        read(tmp_path, "a.png")
    assert "\n" not in str(raised.value)
    assert raised.value.remedy.endswith("data.skip_bad=1 to leave it out")


@pytest.mark.parametrize(("action", "pixels"), [("ignore", "10,000 x 10,000"), ("error", "100,000,000")])
def test_d17_where_pillow_only_warns(action: str, pixels: str, tmp_path: Path) -> None:
    small_bomb(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter(action)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=f"TH-D17: .* has {pixels} pixels"):
            read(tmp_path, "a.png")


def test_a_picture_at_the_limit_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (10, 5), 3).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    assert read(tmp_path, "a.png").flatten().tolist() == [3] * 4
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read(tmp_path, "a.png").flatten().tolist() == [3] * 4


def test_d15_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text(tmp_path / "a.png")

    def refused(file: str) -> Image.Image:
        raise PermissionError(13, "Permission denied", file)

    monkeypatch.setattr(Image, "open", refused)  # a mode of the file would not stop the super user
    with pytest.raises(DataError, match=r"TH-D15: .*a\.png \(row 7\) cannot be opened \(Permission denied\)"):
        read(tmp_path, "a.png")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A picture beside the root, whose name begins as the root's does."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root_2").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "root_2" / "a.png")
    return tmp_path / "root_2" / "a.png"


@pytest.mark.parametrize("path", ["../root_2/a.png", "b/../../root_2/a.png", "..", "/etc/hostname", "{}"])
def test_d16_a_path_that_leaves_the_root(path: str, outside: Path) -> None:
    path = path.format(outside)
    message = (
        r"TH-D16: .*\(row 9\) leaves the folder .*root; allowed files inside it, it was not opened. Try: paths rel"
    )
    with pytest.raises(DataError, match=message):
        ImageFiles(outside.parents[1] / "root", ["good.png", path], torch.tensor([8, 9]))


def link_to_file(root: Path, outside: Path) -> str:
    (root / "link.png").symlink_to(outside)
    return "link.png"


def link_to_folder(root: Path, outside: Path) -> str:
    (root / "folder").symlink_to(outside.parent)
    return "folder/a.png"


def link_up(root: Path, outside: Path) -> str:
    """``folder/..`` looks as if it were the root and is what lies above the link's target."""
    (outside.parent / "deep").mkdir()
    (root / "folder").symlink_to(outside.parent / "deep")
    return "folder/../a.png"


@pytest.mark.parametrize("link", [link_to_file, link_to_folder, link_up])
def test_d16_a_link_that_leads_out_is_not_opened(
    link: Callable[[Path, Path], str], outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = outside.parents[1] / "root"
    pictures = ImageFiles(root, [link(root, outside)])
    opened: list[str] = []
    monkeypatch.setattr(Image, "open", opened.append)
    with pytest.raises(DataError, match=r"TH-D16: .*\(row 0\) leaves the folder"):
        pictures.open(0)
    assert opened == []


def test_links_that_stay_inside_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    Image.new("L", (2, 2), 5).save(tmp_path / "real" / "deep" / "a.png")
    (tmp_path / "real" / "b.png").symlink_to("deep/a.png")
    (tmp_path / "real" / "flat").symlink_to("deep")
    (tmp_path / "root").symlink_to("real")  # the root itself may be a link
    for path in ("deep/a.png", "b.png", "flat/a.png", "deep/../b.png", "deep//../deep/./a.png"):
        assert read(tmp_path / "root", path).flatten().tolist() == [5] * 4, path


@pytest.mark.parametrize("path", ["a..b.png", "a:b.png", "..png", "\\a.png", "a b/\u00e9.png"])
def test_unusual_names_are_names(path: str, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(exist_ok=True)
    Image.new("L", (2, 2), 5).save(file, "PNG")
    assert read(tmp_path, path).flatten().tolist() == [5] * 4


@pytest.mark.parametrize("path", ["a\nb.png", "a\x00b.png", "a" * 5000])
def test_names_that_no_file_has_are_one_line(path: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"TH-D(09|15)") as raised:
        read(tmp_path, path)
    assert str(raised.value).isprintable()


def test_d15_a_root_that_is_no_folder(tmp_path: Path) -> None:
    text(tmp_path / "a.png")
    for root in (tmp_path / "a.png", tmp_path / "nowhere"):
        with pytest.raises(DataError, match=rf"TH-D15: {root} is no folder.*Try: data.root="):
            ImageFiles(root, [])


def test_rows_without_a_file(tmp_path: Path) -> None:
    text(tmp_path / "a.png")
    assert ImageFiles(tmp_path, ["b.png", "a.png", "c/a.png"]).missing().tolist() == [0, 2]


def test_no_file_is_looked_at_before_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    for name in ("stat", "lstat", "scandir"):
        monkeypatch.setattr(os, name, spied(getattr(os, name), looks))
    ImageFiles(tmp_path, [])
    for_the_root = list(looks)
    looks.clear()
    pictures = ImageFiles(tmp_path, [f"{row}.png" for row in range(100)]).select(torch.arange(50))
    assert len(pictures) == 50
    assert looks == for_the_root


def spied(call: Callable[..., Any], looks: list[str]) -> Callable[..., Any]:
    """A call that notes its first argument."""

    def noted(path: Any, *rest: Any, **options: Any) -> Any:
        looks.append(str(path))
        return call(path, *rest, **options)

    return noted


def test_pillow_is_left_as_it_is() -> None:
    """A switch of Pillow that a library sets is set for everything else in the process."""
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert Image.MAX_IMAGE_PIXELS == 89_478_485
