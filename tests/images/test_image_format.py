"""Formats that no picture can be brought to are refused by name."""

from typing import Any

import pytest

from torchheads.errors import DataError
from torchheads.images import ImageFormat


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (0, 8)}, r"TH-D19: size=\[0, 8\]; allowed 1 pixel or more. Try: data.image_size=64"),
        ({"channels": 2}, r"TH-D19: channels=2; allowed 1 \(grey\) or 3 \(RGB\). Try: data.channels=3"),
        ({"resize": 0}, r"TH-D19: resize=0 with size=None; allowed 1 or more"),
        ({"size": (8, 16), "resize": 15}, r"TH-D19: resize=15 with size=\(8, 16\); allowed 16 or more.*Try: resize=16"),
        ({"interpolation": "nearest"}, r"TH-D19: interpolation='nearest'; allowed bilinear, bicubic"),
        ({"channels": 3, "mean": (0.5,)}, r"TH-D19: mean=\[0.5\] for 3 channels.*Try: data.channels=1"),
        ({"channels": 1, "deviation": (1.0,) * 3}, r"TH-D19: deviation=.* for 1 channels.*Try: data.channels=3"),
        ({"deviation": (0.5, 0.0, 0.5)}, r"TH-D19: deviation=\[0.5, 0.0, 0.5\]; allowed > 0"),
        ({"deviation": (float("nan"),)}, r"TH-D19: deviation=\[nan\]; allowed > 0"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageFormat(**options).check()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": (1, 1), "channels": 1, "mean": (0.0,), "deviation": (1.0,)},
        {"size": (8, 16), "resize": 16, "interpolation": "bicubic"},
        {"mean": (0.5, 0.5, 0.5), "deviation": (0.2, 0.2, 0.2)},
    ],
)
def test_what_can_be(options: dict[str, Any]) -> None:
    ImageFormat(**options).check()


def test_it_is_complete_with_size_and_channels() -> None:
    assert ImageFormat((8, 8), 1).is_complete
    assert not ImageFormat((8, 8)).is_complete
    assert not ImageFormat(channels=1).is_complete
