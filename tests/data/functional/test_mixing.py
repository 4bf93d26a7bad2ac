"""Shares of a mix against scipy's distribution, permutations, and boxes cut off at the border."""

import math

import pytest
import torch
from scipy.stats import beta, kstest

from torchheads.data.functional.keyed import Stream, keyed_uniform
from torchheads.data.functional.mixing import keyed_partners, replaced_run, symmetric_beta

CPU = torch.device("cpu")


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 1.0, 2.5, 20.0])
def test_shares_have_the_distribution_they_say(alpha):
    numbers = keyed_uniform(0, 0, Stream.MIX_SHARE, torch.arange(8000)).view(-1, 2).tolist()
    shares = [symmetric_beta(alpha, radius, angle) for radius, angle in numbers]
    assert all(0 <= share <= 1 and (share * 2**20).is_integer() for share in shares)
    limits = [
        (2 * step + 1) / 2**21 for step in (0, 100, 10_000, 100_000, 300_000, 524_288, 750_000, 1_000_000, 1_048_000)
    ]
    below = [sum(share < limit for share in shares) / 4000 for limit in limits]  # limits lie between two grid points
    assert below == pytest.approx(beta(alpha, alpha).cdf(limits).tolist(), abs=0.03)  # 4 standard deviations
    if alpha >= 0.5:  # below, many shares are 0 or 1 on the grid
        assert kstest(shares, beta(alpha, alpha).cdf).pvalue > 1e-3


def test_a_share_by_hand():
    # alpha 1/2, radius 1/2: w = 1/4; angle 1/3: c = -1/2; (1 - sqrt(3/16 / (1/4 + 3/16))) / 2
    assert symmetric_beta(0.5, 0.5, 1 / 3) == pytest.approx((1 - math.sqrt(3 / 7)) / 2, abs=2**-20)
    for angle, share in ((0.01, 1.0), (0.51, 0.0)):  # radius^(1/alpha) is 0 in float64
        assert symmetric_beta(1e-4, 0.5, angle) == share


def test_partners():
    first = keyed_partners(64, 0, 1, 2, CPU)
    assert first.sort().values.tolist() == list(range(64))
    keys = [(0, 1, 2), (1, 1, 2), (0, 2, 2), (0, 1, 3)]
    assert len({tuple(keyed_partners(64, *key, CPU).tolist()) for key in keys}) == 4
    assert keyed_partners(1, 0, 0, 0, CPU).tolist() == [0]


def test_partners_are_uniform():
    drawn = torch.stack([keyed_partners(4, 0, 0, number, CPU) for number in range(1200)])
    counts = torch.nn.functional.one_hot(drawn, 4).sum(dim=0)
    assert (counts - 300).abs().max() < 60  # 4 standard deviations


def test_a_run_is_cut_off_at_the_border():
    for length in range(1, 8):
        for side in range(length + 1):
            for centre in range(length):
                inside = [
                    place for place in range(centre - side // 2, centre - side // 2 + side) if 0 <= place < length
                ]
                assert list(range(length))[replaced_run(length, side, centre)] == inside
