"""`BalancedSoftmax`: the same as `LogitAdjusted` at tau = 1 (what both share is tested there)."""

import torch

from torchheads import BalancedSoftmax, LogitAdjusted

LOGITS = torch.linspace(-3, 3, 12).view(4, 3)


def test_it_is_logit_adjusted_at_tau_one():
    index, counts = torch.tensor([0, 2, 1, 1]), [60, 30, 10]
    for smoothing in (0.0, 0.2):
        balanced, adjusted = BalancedSoftmax(counts, smoothing), LogitAdjusted(1.0, counts, smoothing)
        torch.testing.assert_close(balanced(LOGITS, index), adjusted(LOGITS, index))
        prior = torch.tensor([0.2, 0.5, 0.3])
        torch.testing.assert_close(balanced.constant_logits(prior), adjusted.constant_logits(prior))


def test_by_hand():
    # z = 0, counts 6 : 3 : 1: class 2 has 1/10 of the mass and costs ln 10
    loss = BalancedSoftmax([6, 3, 1])(torch.zeros(1, 3), torch.tensor([2]))
    torch.testing.assert_close(loss, torch.tensor([10.0]).log())
