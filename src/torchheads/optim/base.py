"""The checks that all options of optimizers and schedules share."""

from __future__ import annotations

import math
from typing import Any

from torchheads.errors import HeadConfigError


def check_range(option: str, value: Any, low: float, high: float, remedy: str, *, open_low: bool = False) -> None:
    """Refuse a value that is not a finite number from ``low`` to below ``high``.

    Args:
        option: the option as it is typed, such as ``"optimizer.lr"``.
        value: what came.
        low: smallest value allowed; with ``open_low`` it is just too small.
        high: the value must stay below it; may be ``math.inf``.
        remedy: what to type instead.
        open_low: whether ``low`` itself is refused.

    Raises:
        HeadConfigError: code H13; a string that reads as a number is refused too, since it would fail late.

    Example:
        >>> check_range("optimizer.momentum", 0.9, 0, 1, "optimizer.momentum=0.9")
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value < high or (open_low and value == low):
        above = f"above {low}" if open_low else f"from {low}"
        below = "" if high == math.inf else f" and below {high}"
        raise HeadConfigError("H13", f"{option}={value!r}; allowed a number {above}{below}", remedy)
