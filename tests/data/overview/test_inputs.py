"""Pictures by their headers, and features: planted sizes, modes, constants and NaN are found."""

import math

import pytest
import torch
from PIL import Image

from torchheads.data.overview import inputs
from torchheads.data.overview.inputs import Header, feature_record, format_record, headers, picture_record
from torchheads.images import DatasetPictures, ImageFiles, ImageFormat


def pictures(*sizes):
    return DatasetPictures([(Image.new("RGB", size), 0) for size in sizes])


def test_headers_are_height_and_width(tmp_path):
    Image.new("L", (9, 4)).save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (9, 4)).save(tmp_path / "b.jpg", exif=exif)
    (tmp_path / "c.png").write_bytes(b"no picture")
    found = headers([ImageFiles(tmp_path, ["a.png", "b.jpg", "c.png", "missing.png"])])
    assert found == [Header((4, 9), "L"), Header((9, 4), "RGB")]


def test_of_many_pictures_a_sample_is_looked_at(monkeypatch):
    monkeypatch.setattr(inputs, "HEADERS", 10)
    found = headers([pictures(*[(1, 2)] * 90), pictures(*[(3, 4)] * 10)])
    assert [header.size for header in found] == [(2, 1)] * 9 + [(4, 3)]
    assert len(headers([pictures((1, 2)), pictures(*[(3, 4)] * 9)])) == 10
    assert len(headers([pictures((1, 2)), pictures(*[(3, 4)] * 999)])) == 10


def test_sizes_by_hand():
    found = [Header(size, "RGB") for size in [(2, 8), (4, 4), (4, 4), (9, 1)]]
    record = picture_record(found, 5)
    assert record == {
        "headers_read": 4,
        "pictures": 5,
        "sizes": {
            "different": 3,
            "smallest": [2, 1],
            "median": [4, 4],
            "largest": [9, 8],
            "most_common": [
                {"size": [4, 4], "pictures": 2}, {"size": [2, 8], "pictures": 1}, {"size": [9, 1], "pictures": 1},
            ],
        },
        "modes": {"RGB": 4},
    }  # fmt: skip


@pytest.mark.parametrize(("samples", "cached"), [(1000, True), (1001, False)])
def test_what_fits_into_memory(samples, cached):
    format = ImageFormat(size=(100, 50), channels=3)
    record = format_record(format, samples, cache_gb=0.015)  # 1,000 x 15,000 bytes
    assert record["gigabytes"] == samples * 15_000 / 1e9
    assert (record["cached"], record["size"], record["channels"]) == (cached, (100, 50), 3)


def test_features_by_hand():
    train = torch.tensor([[1.0, 5.0, math.nan], [-2.0, 5.0, math.nan], [0.5, 5.0, 3.0]])
    test = torch.tensor([[math.inf, 6.0, 0.0]])
    assert feature_record({"train": train, "test": test}) == {
        "dimension": 3,
        "smallest": -2.0,
        "largest": 6.0,
        "constant": [1],
        "not_finite": {"train": 2, "test": 1},
    }


def test_no_finite_feature():
    record = feature_record({"train": torch.full((2, 1), math.nan)})
    assert math.isnan(record["smallest"])
    assert math.isnan(record["largest"])
