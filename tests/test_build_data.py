"""From a configuration to data: what the backbone expects of pictures reaches them, and data without classes fail."""

import pytest

from torchheads.build_data import build_data, check_positives, expected_images
from torchheads.data import DigitCanvases, Digits
from torchheads.errors import DataError, UnsafeArtifact
from torchheads.images import ImageFormat

SMALL = {"train_size": 40, "val_size": 20, "calibration_size": 20, "test_size": 20}
RESNET = {"_target_": "torchheads.backbones.TorchvisionBackbone", "input_shape": "???", "name": "resnet18"}


def test_data_without_any_class_are_refused_by_name() -> None:
    check_positives(Digits())
    check_positives(DigitCanvases(**SMALL))
    with pytest.raises(DataError, match=r"TH-D14: split 'train' of digit_canvases has no example of any class"):
        check_positives(DigitCanvases(digits=(0, 0), **SMALL))


def test_data_know_what_the_weights_of_the_backbone_expect() -> None:
    backbone = RESNET | {"weights": "DEFAULT"}  # nothing is downloaded by asking
    data = build_data({"_target_": "torchheads.data.Digits"}, backbone)
    assert data.expected == expected_images(backbone)
    assert data.expected.size == (224, 224)
    assert data.expected.mean == pytest.approx((0.485, 0.456, 0.406))


def test_a_backbone_without_weights_expects_nothing() -> None:
    assert expected_images(RESNET) == ImageFormat()
    assert expected_images({"_target_": "torchheads.backbones.Cnn", "widths": [8]}) == ImageFormat()


def test_a_class_that_says_nothing_expects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsafeArtifact, match="TH-S01"):
        expected_images({"_target_": "torch.nn.Flatten"})
    monkeypatch.setattr("torchheads.allowed_targets.ALLOWED_BY_CALLER", frozenset({"torch.nn.Flatten"}))
    assert expected_images({"_target_": "torch.nn.Flatten"}) == ImageFormat()
