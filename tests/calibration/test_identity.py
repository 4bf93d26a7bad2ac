"""`Identity` changes nothing."""

import torch

from torchheads.calibration import Identity


def test_logits_come_back_untouched():
    logits = torch.randn(5, 3)
    calibrator = Identity()
    calibrator.bind(3)
    assert calibrator(logits) is logits
    assert calibrator.fitted
    assert calibrator.state_dict() == {}
