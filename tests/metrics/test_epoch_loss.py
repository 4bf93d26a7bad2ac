"""The mean loss of an epoch is over examples, in every precision, and says when there were none."""

import math

import pytest
import torch

from torchheads.metrics import EpochLoss


def test_the_mean_is_over_examples_not_batches() -> None:
    """Losses 1, 1, 1 | 5: mean 2; the mean of means would be 3."""
    losses = EpochLoss()
    losses.update(torch.tensor(1.0), 3)
    losses.update(torch.tensor(5.0), torch.tensor(1))
    assert losses.compute() == (2.0, 4.0, 2, 0)
    losses.update(torch.tensor(2.0), 4)  # goes on after compute
    assert losses.compute() == (2.0, 8.0, 3, 0)


def test_batches_without_examples_are_counted_and_weigh_nothing() -> None:
    losses = EpochLoss()
    for loss, count in ((0.0, 0), (3.0, 2), (math.nan, 0)):
        losses.update(torch.tensor(loss), count)
    assert losses.compute() == (3.0, 2.0, 3, 2)


def test_nothing_at_all() -> None:
    losses = EpochLoss()
    mean = losses.compute()
    assert math.isnan(mean.loss)
    assert mean[1:] == (0.0, 0, 0)
    losses.update(torch.tensor(0.0), 0)
    mean = losses.compute()
    assert math.isnan(mean.loss)
    assert mean[1:] == (0.0, 1, 1)


def test_examples_that_count_in_part() -> None:
    """Means 4 over 0.5 examples and 1 over 1.5: (2 + 1.5) / 2."""
    losses = EpochLoss()
    losses.update(torch.tensor(4.0), torch.tensor(0.5))
    losses.update(torch.tensor(1.0), torch.tensor(1.5))
    assert losses.compute().loss == 1.75


def test_a_non_finite_loss_is_not_hidden() -> None:
    losses = EpochLoss()
    losses.update(torch.tensor(1.0), 1)
    losses.update(torch.tensor(math.inf), 1)
    assert losses.compute().loss == math.inf


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_state_stays_wide(dtype: torch.dtype) -> None:
    """3,000 batches of one, each with a loss of 0.1, added up after a cast to half precision."""
    losses = EpochLoss().to(dtype).half()
    for _ in range(3000):
        losses.update(torch.tensor(0.1, dtype=torch.float64), 1)
    assert losses.compute().loss == pytest.approx(0.1, abs=1e-12)
    assert {state.dtype for state in losses.totals.compute().values()} == {torch.float64, torch.int64}


def test_reset_and_no_key_in_the_state() -> None:
    losses = EpochLoss()
    losses.update(torch.tensor(1.0, requires_grad=True), 3)
    assert not losses.totals.loss.requires_grad
    assert list(losses.state_dict()) == []
    losses.reset()
    assert losses.compute()[1:] == (0.0, 0, 0)
