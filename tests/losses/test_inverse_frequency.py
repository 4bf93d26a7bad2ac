"""`InverseFrequency`: its bound reaches both rules."""

import pytest
import torch

from torchheads import InverseFrequency
from torchheads.errors import HeadConfigError
from torchheads.losses.functional_frequency import inverse_frequency, negatives_per_positive

COUNTS, TOTAL = torch.tensor([1000.0, 10.0, 0.0]), torch.tensor([1010.0, 1010.0, 1010.0])


def test_both_rules_are_bounded():
    for rule, ratio in ((InverseFrequency(), 100.0), (InverseFrequency(3), 3.0)):
        torch.testing.assert_close(rule.class_weight(COUNTS), inverse_frequency(COUNTS, ratio))
        torch.testing.assert_close(rule.pos_weight(COUNTS, TOTAL), negatives_per_positive(COUNTS, TOTAL, ratio))
    # 1000 : 10 within 3 : 1, and 1000 negatives a positive cut to 3
    assert InverseFrequency(3).pos_weight(COUNTS, TOTAL).tolist() == pytest.approx([1 / 3, 3, 1])


def test_a_bad_ratio():
    with pytest.raises(HeadConfigError) as caught:
        InverseFrequency(max_ratio=0.5)
    text = "TH-H38: InverseFrequency got max_ratio=0.5; allowed 1 <= max_ratio, finite. Try: max_ratio=100"
    assert str(caught.value) == text
