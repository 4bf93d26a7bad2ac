"""Learning-rate schedules: pure functions from the step to a factor, and the schedulers that apply them.

Step t runs from 0 to T - 1; the factor multiplies the learning rate of each parameter group. Call ``scheduler.step()``
once after each optimizer step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from torchheads.errors import HeadConfigError
from torchheads.optim.base import check_range


def warmup_cosine_factor(step: int, total_steps: int, warmup: float) -> float:
    """Factor of `warmup_cosine` at a step.

    Equation, with W = min(round(warmup T), T - 1)::

        (t + 1) / (W + 1)                          t < W
        (1 + cos(pi (t - W) / (T - W))) / 2        W <= t < T

    The peak 1 is reached at t = W. The value 0 belongs to t = T, so that no step is spent on a zero learning rate.

    Example:
        >>> [round(warmup_cosine_factor(step, 4, 0.0), 3) for step in range(4)]
        [1.0, 0.854, 0.5, 0.146]
    """
    rising = min(round(warmup * total_steps), total_steps - 1)
    if step < rising:
        return (step + 1) / (rising + 1)
    return cosine(1.0, 0.0, (step - rising) / (total_steps - rising))


def one_cycle_factor(step: int, total_steps: int, warmup: float, start: float, final: float) -> float:
    """Factor of `one_cycle` at a step.

    Equation, with U = max(warmup T - 1, 0) and c(a, b, s) = b + (a - b) (1 + cos(pi s)) / 2::

        c(start, 1, t / U)                         t < U
        c(1, final, (t - U) / (T - 1 - U))         U <= t < T

    A single step (T = 1) is taken at the peak.

    Example:
        >>> [round(one_cycle_factor(step, 5, 0.4, 0.5, 0.0), 3) for step in range(5)]
        [0.5, 1.0, 0.75, 0.25, 0.0]
    """
    peak = max(warmup * total_steps - 1, 0.0)
    if step < peak:
        return cosine(start, 1.0, step / peak)
    return cosine(1.0, final, (step - peak) / (total_steps - 1 - peak or 1.0))


def cosine(first: float, last: float, share: float) -> float:
    """Half a cosine wave from ``first`` at share 0 to ``last`` at share 1; stays at ``last`` beyond.

    Example:
        >>> round(cosine(1.0, 0.0, 0.5), 12)
        0.5
    """
    return last + (first - last) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


def warmup_cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.05) -> LambdaLR:
    """A short linear rise, then half a cosine wave down: the default; `one_cycle` rises longer and from lower.

    Equation: see `warmup_cosine_factor`.

    Args:
        optimizer: its learning rates are the peak.
        total_steps: number T of optimizer steps in the whole run, >= 1.
        warmup: share of the steps that rise, in [0, 1); 0 starts at the peak.

    Raises:
        HeadConfigError: code H13, naming the option, its value and what to type.

    Source: Loshchilov and Hutter 2017, SGDR: Stochastic Gradient Descent with Warm Restarts, equation 5.
    """
    check_range("scheduler.warmup", warmup, 0, 1, "scheduler.warmup=0.05")
    return per_step(optimizer, total_steps, lambda step: warmup_cosine_factor(step, total_steps, warmup))


def one_cycle(
    optimizer: Optimizer, total_steps: int, warmup: float = 0.3, start: float = 0.04, final: float = 4e-6
) -> LambdaLR:
    """Up along half a cosine wave and down along another, far below the start: for few epochs at a high rate.

    The same learning rates as torch's ``OneCycleLR``; momentum is left alone, and steps beyond the last keep its rate
    instead of raising an error, so that a finished run can be carried on.

    Equation: see `one_cycle_factor`.

    Args:
        optimizer: its learning rates are the peak.
        total_steps: number T of optimizer steps in the whole run, >= 1.
        warmup: share of the steps that rise, in [0, 1).
        start: factor at the first step, in [0, 1).
        final: factor at the last step, in [0, 1).

    Raises:
        HeadConfigError: code H13, naming the option, its value and what to type.

    Source: Smith and Topin 2018, Super-Convergence: Very Fast Training Using Large Learning Rates, section 4.
    """
    for option, share, usual in (("warmup", warmup, "0.3"), ("start", start, "0.04"), ("final", final, "4e-6")):
        check_range(f"scheduler.{option}", share, 0, 1, f"scheduler.{option}={usual}")
    return per_step(optimizer, total_steps, lambda step: one_cycle_factor(step, total_steps, warmup, start, final))


def constant(optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """The learning rate as given at every step: for `lbfgs`, and to see what a schedule is worth.

    Equation: factor 1.

    Args:
        optimizer: its learning rates stay.
        total_steps: number of optimizer steps, >= 1; taken so that all schedules are called alike.

    Raises:
        HeadConfigError: code H13, when ``total_steps`` is not a whole number from 1 up.
    """
    return per_step(optimizer, total_steps, lambda step: 1.0)


def per_step(optimizer: Optimizer, total_steps: int, factor: Callable[[int], float]) -> LambdaLR:
    """The scheduler that multiplies each learning rate by ``factor(step)``.

    Raises:
        HeadConfigError: code H13, when ``total_steps`` is not a whole number from 1 up, such as the infinity that an
            endless run would give.
    """
    check_range("total_steps", total_steps, 1, math.inf, "trainer.max_epochs=20")
    if total_steps != int(total_steps):
        problem = f"total_steps={total_steps!r}; allowed a whole number from 1"
        raise HeadConfigError("H13", problem, "trainer.max_epochs=20")
    return LambdaLR(optimizer, factor)
