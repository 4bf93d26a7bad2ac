"""Schedules against values worked by hand and against torch's own."""

import io
import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from torchheads.errors import HeadConfigError
from torchheads.optim import constant, one_cycle, sgd, warmup_cosine
from torchheads.optim.schedules import cosine, one_cycle_factor, warmup_cosine_factor

SCHEDULES = [warmup_cosine, one_cycle, constant]


def new_optimizer(lr=2.0):
    return sgd(nn.Linear(2, 1), lr=lr)


def rates(optimizer, scheduler, steps):
    """Learning rate of each optimizer step."""
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return used


def test_warmup_cosine_by_hand():
    # T = 8, W = round(0.25 * 8) = 2: 1/3, 2/3, then (1 + cos(pi s / 6)) / 2 for s = 0..5, times the rate 2
    optimizer = new_optimizer(2.0)
    used = rates(optimizer, warmup_cosine(optimizer, total_steps=8, warmup=0.25), 8)
    root = math.sqrt(3) / 2
    assert used == pytest.approx([2 / 3, 4 / 3, 2, 1 + root, 1.5, 1, 0.5, 1 - root])


@pytest.mark.parametrize("total", [1, 2, 7, 100])
def test_warmup_cosine_without_warmup_is_cosine_annealing(total):
    optimizer, reference = new_optimizer(), new_optimizer()
    expected = rates(reference, CosineAnnealingLR(reference, T_max=total), total)
    assert rates(optimizer, warmup_cosine(optimizer, total, warmup=0), total) == pytest.approx(expected)


def test_one_cycle_by_hand():
    # T = 5, U = 0.6 * 5 - 1 = 2: start, half-way, peak; then the middle of 1 and final, and final
    optimizer = new_optimizer(1.0)
    used = rates(optimizer, one_cycle(optimizer, 5, warmup=0.6, start=0.2, final=0.1), 5)
    assert used == pytest.approx([0.2, 0.6, 1.0, 0.55, 0.1])


@pytest.mark.parametrize(("total", "warmup"), [(4, 0.3), (10, 0.3), (57, 0.1), (10, 0.95)])
def test_one_cycle_is_that_of_torch(total, warmup):
    optimizer, reference = new_optimizer(), new_optimizer()
    theirs = OneCycleLR(reference, max_lr=2.0, total_steps=total, pct_start=warmup, cycle_momentum=False)
    expected = rates(reference, theirs, total)
    assert rates(optimizer, one_cycle(optimizer, total, warmup=warmup), total) == pytest.approx(expected, rel=1e-9)


def test_constant_stays():
    optimizer = new_optimizer(0.3)
    assert rates(optimizer, constant(optimizer, 3), 5) == [0.3] * 5


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 3])
def test_short_runs_start_with_a_rate_worth_having(schedule, total):
    optimizer = new_optimizer(1.0)
    used = rates(optimizer, schedule(optimizer, total), total)
    assert used[0] == 1.0
    assert all(0 < rate <= 1 for rate in used)


@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 0.999])
@pytest.mark.parametrize("total", [1, 2, 3, 10, 1000])
def test_last_rate_is_the_right_one_and_later_steps_stay_at_the_end(total, warmup):
    rising = min(round(warmup * total), total - 1)
    last = (1 + math.cos(math.pi * (total - 1 - rising) / (total - rising))) / 2
    assert warmup_cosine_factor(total - 1, total, warmup) == pytest.approx(last)
    assert last > 0
    assert warmup_cosine_factor(total + 5, total, warmup) == pytest.approx(0, abs=1e-12)
    if total > 1:
        assert one_cycle_factor(total - 1, total, warmup, 0.04, 0.25) == pytest.approx(0.25)
    assert one_cycle_factor(total + 5, total, warmup, 0.04, 0.25) == pytest.approx(0.25)


def test_cosine_meets_both_ends():
    assert cosine(3.0, 1.0, 0.0) == 3.0
    assert cosine(3.0, 1.0, 1.0) == pytest.approx(1.0)
    assert cosine(3.0, 1.0, 9.0) == pytest.approx(1.0)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_state_loads_without_unpickling_code(schedule):
    optimizer = new_optimizer()
    scheduler = schedule(optimizer, 10)
    rates(optimizer, scheduler, 4)
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)
    carried_on = schedule(new_optimizer(), 10)
    carried_on.load_state_dict(torch.load(file, weights_only=True))
    assert carried_on.last_epoch == 4
    assert carried_on.get_last_lr() == scheduler.get_last_lr()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("total", [0, -3, math.inf, math.nan, 2.5, "10"])
def test_bad_totals_are_refused(schedule, total):
    with pytest.raises(HeadConfigError, match=r"TH-H13: total_steps=.*Try: trainer\.max_epochs=20"):
        schedule(new_optimizer(), total)


@pytest.mark.parametrize(
    ("schedule", "options"),
    [
        (warmup_cosine, {"warmup": 1.0}),
        (one_cycle, {"warmup": -0.1}),
        (one_cycle, {"start": 2}),
        (one_cycle, {"final": "0"}),
    ],
)
def test_bad_shares_are_refused(schedule, options):
    option = next(iter(options))
    with pytest.raises(HeadConfigError, match=rf"TH-H13: scheduler\.{option}=.*Try: scheduler\.{option}="):
        schedule(new_optimizer(), 10, **options)
