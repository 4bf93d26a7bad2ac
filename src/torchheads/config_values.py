"""What the keys of a configuration may hold: one row a key, looked at before anything is imported or built."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Values(NamedTuple):
    """The values of a key.

    Attributes:
        allowed: the values in words.
        holds: whether a value is one of them.
        usual: what to type instead of another one.
        code: code of the error.
    """

    allowed: str
    holds: Callable[[Any], bool]
    usual: object
    code: str = "H13"


def is_whole(value: Any, low: float = -math.inf, high: float = math.inf) -> bool:
    """Whether a value is an int, and no bool, from ``low`` to ``high``.

    Example:
        >>> is_whole(3, 1), is_whole(True), is_whole(1.0), is_whole("3")
        (True, False, False, False)
    """
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; true and texts such as "1e-3" are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def shown(value: object) -> str:
    """A value as it is typed: null, true and false in place of Python's words, and texts in quotes.

    Example:
        >>> shown(None), shown(True), shown("1e-3")
        ('null', 'true', "'1e-3'")
    """
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def whole(low: int, usual: int, *others: object, code: str = "H13") -> Values:
    """A whole number from ``low``, or one of a few other values."""
    words = "".join(f", or {shown(other)}" for other in others)
    return Values(
        f"a whole number from {low}{words}", lambda value: is_whole(value, low) or value in others, usual, code
    )


def share(usual: float, code: str = "H13") -> Values:
    """A number from 0 and below 1."""
    return Values("a number from 0 and below 1", lambda value: is_number(value) and 0 <= value < 1, usual, code)


def one_of(usual: str, *words: object, code: str) -> Values:
    """One of a few words or numbers."""
    return Values(", ".join(map(str, words)), lambda value: value in words and not isinstance(value, bool), usual, code)


def is_range(value: Any) -> bool:
    """Whether a value is ``[low, high]`` with 0 <= low <= high and 1 <= high."""
    return isinstance(value, list) and len(value) == 2 and all(map(is_whole, value)) and 0 <= value[0] <= value[1] >= 1


POSITIVE = Values("a number above 0", lambda value: is_number(value) and value > 0, 0.001)
NOT_NEGATIVE = Values("a number from 0", lambda value: is_number(value) and value >= 0, 0.01)
BUDGET = Values("a number from 0", lambda value: is_number(value) and value >= 0, 4.0, "D11")
SEED = Values("a whole number from 0 to 4294967295", lambda value: is_whole(value, 0, 2**32 - 1), 0)
FLAG = Values("true, false", lambda value: isinstance(value, bool), "false")
DIGITS = Values(
    "[low,high] with 0 <= low <= high and 1 <= high, since empty canvases alone teach nothing",
    is_range,
    "[0,4]",
    "D12",
)
BATCHES = Values(
    "a whole number of batches from 1, or a share above 0 and up to 1.0",
    lambda value: is_whole(value, 1) or (isinstance(value, float) and 0 < value <= 1),
    1.0,
)
BATCHES_OR_NONE = Values(
    "a whole number of batches from 0, or a share from 0 to 1.0",
    lambda value: is_whole(value, 0) or (isinstance(value, float) and 0 <= value <= 1),
    1.0,
)
DEVICES = Values(
    "a whole number from 1, -1, auto, or a list of devices",
    lambda value: is_whole(value, 1) or value == -1 or isinstance(value, str | list),
    1,
)
PRECISIONS = (
    *("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", 32, 16, 64),
    *("32", "16", "64", "bf16", "transformer-engine", "transformer-engine-float16"),
)

VALUES: dict[str, Values] = {
    "seed": SEED,
    "compile": FLAG,
    "test": FLAG,
    "workers": whole(1, 2),
    "parts": whole(1, 1),
    "part": whole(0, 0),
    "resamples": whole(99, 400),
    "split": one_of("test", "train", "val", "calibration", "test", code="D13"),
    "data.seed": SEED,
    "data.split_seed": SEED,
    "data.batch_size": whole(1, 64, code="D11"),
    "data.eval_batch_size": whole(1, 512, code="D11"),
    "data.drop_last": FLAG,
    "data.grid": whole(1, 2, code="D11"),
    "data.digits": DIGITS,
    **{f"data.{split}_size": whole(1, 1000, code="D01") for split in ("train", "val", "calibration", "test")},
    **{f"data.{split}_share": share(0.1, code="D03") for split in ("val", "calibration", "test")},
    "data.image_size": whole(1, 64, None, code="D11"),
    "data.channels": whole(1, 3, None, code="D11"),
    "data.cache_gb": BUDGET,
    "data.workers": whole(0, 2, code="D11"),
    "data.skip_bad": whole(0, 0, code="D11"),
    "data.label_offset": whole(0, 0, code="D11"),
    "data.allow_overlap": FLAG,
    "augment.shift": whole(0, 1, code="D11"),
    "augment.flip": FLAG,
    "backbone.dropout": share(0.1, code="H18"),
    "optimizer.lr": POSITIVE,
    "optimizer.weight_decay": NOT_NEGATIVE,
    "optimizer.momentum": share(0.9),
    "optimizer.max_iter": whole(1, 20),
    "optimizer.history_size": whole(1, 10),
    "scheduler.warmup": share(0.05),
    "loss.label_smoothing": share(0.1, code="T14"),
    "trainer.accelerator": one_of("auto", "auto", "cpu", "gpu", "cuda", "mps", "tpu", code="H04"),
    "trainer.precision": one_of("32-true", *PRECISIONS, code="H14"),
    "trainer.devices": DEVICES,
    "trainer.max_epochs": whole(1, 20, -1, None),
    "trainer.max_steps": whole(1, 1000, -1),
    "trainer.accumulate_grad_batches": whole(1, 1),
    "trainer.limit_train_batches": BATCHES,
    "trainer.limit_val_batches": BATCHES_OR_NONE,
    "trainer.limit_test_batches": BATCHES,
    "trainer.limit_predict_batches": BATCHES,
    "callbacks.early_stopping.patience": whole(1, 10),
    "callbacks.early_stopping.min_delta": NOT_NEGATIVE,
    "callbacks.gradient_clipping.max_norm": POSITIVE,
    "callbacks.weight_averaging.decay": share(0.999),
    "callbacks.progress.lines": whole(1, 20),
}
"""The keys of torchheads' own configs whose values are checked; what is not here is checked where it is built."""
