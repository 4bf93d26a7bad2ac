"""`ClassBalanced`: beta reaches both rules."""

import pytest
import torch

from torchheads import ClassBalanced
from torchheads.errors import HeadConfigError
from torchheads.losses.functional_frequency import class_balanced, effective_negatives_per_positive

COUNTS, TOTAL = torch.tensor([1000.0, 10.0, 0.0]), torch.tensor([1010.0, 1010.0, 1010.0])


def test_both_rules_have_its_beta():
    for rule, beta in ((ClassBalanced(), 0.999), (ClassBalanced(0.9), 0.9)):
        torch.testing.assert_close(rule.class_weight(COUNTS), class_balanced(COUNTS, beta))
        torch.testing.assert_close(
            rule.pos_weight(COUNTS, TOTAL), effective_negatives_per_positive(COUNTS, TOTAL, beta)
        )


@pytest.mark.parametrize("beta", [1.0, -0.1, float("nan"), "0.9"])
def test_a_bad_beta(beta):
    with pytest.raises(HeadConfigError) as caught:
        ClassBalanced(beta)
    assert str(caught.value) == f"TH-H38: ClassBalanced got beta={beta!r}; allowed 0 <= beta < 1. Try: beta=0.999"
