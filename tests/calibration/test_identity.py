"""`Identity` changes nothing."""

import torch

from torchheads.calibration import Identity
from torchheads.links import SOFTMAX


def test_logits_come_back_untouched():
    logits = torch.randn(5, 3)
    calibrator = Identity()
    calibrator.bind(3, SOFTMAX)
    assert calibrator(logits) is logits
    assert calibrator.fitted
    assert calibrator.state_dict() == {}
