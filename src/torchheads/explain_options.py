"""The command line of ``torchheads explain``, read and checked without torch."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from torchheads.errors import CheckpointCorrupt, DataError, HeadConfigError, NonFiniteError

EXAMPLE = "torchheads explain cat=2.1 dog=4 cow=3.2 zebra=-1 --threshold 3 --space logit"
PICTURE_EXAMPLE = "torchheads explain --checkpoint RUN/checkpoints/final.ckpt --image picture.png"
LARGEST = 3.4e38  # what float32 holds

USAGE = """\
torchheads explain NAME=LOGIT NAME=LOGIT ... [--threshold T [--space S]]
       torchheads explain --checkpoint FILE --image FILE [--invert]
                          [--threshold T [--space S]]"""
DESCRIPTION = """\
What softmax and sigmoid make of one example's logits: exp, probabilities, scores,
the one class that softmax decides for and the set that sigmoid decides for."""
EPILOG = f"examples:\n  {EXAMPLE}\n  {PICTURE_EXAMPLE}"


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; ``logits`` becomes a dict of names and numbers where no picture is asked for.

    Args:
        arguments: what was typed after ``explain``.

    Raises:
        HeadConfigError: codes H03 (a threshold that cannot be), H05 (an option or a logit that cannot be read), H12
            (something is missing), and those of `read_logits`.
        NonFiniteError: see `read_logits`.
        CheckpointCorrupt, DataError: codes K01, D09, for a file that is not there.
    """
    options = _parser().parse_intermixed_args(list(arguments))
    _check_threshold(options.threshold, options.space)
    from_file = options.checkpoint or options.image or options.invert
    if from_file and options.logits:
        problem = f"{options.logits[0]!r} beside a picture; allowed logits or a checkpoint and a picture, not both"
        raise HeadConfigError("H05", problem, PICTURE_EXAMPLE)
    if not from_file:
        options.logits = read_logits(options.logits)
        return options
    for option in ("checkpoint", "image"):
        if not getattr(options, option):
            raise HeadConfigError("H12", f"no value for --{option}", PICTURE_EXAMPLE)
    if not Path(options.checkpoint).is_file():
        raise CheckpointCorrupt("K01", f"there is no file {options.checkpoint}", PICTURE_EXAMPLE)
    if not Path(options.image).is_file():
        raise DataError("D09", f"there is no file {options.image}", PICTURE_EXAMPLE)
    return options


def read_logits(texts: Sequence[str]) -> dict[str, float]:
    """Texts such as ``cat=2.1`` as names and numbers, in order.

    Raises:
        HeadConfigError: codes H12 (none at all), H05 (no ``name=number``), H19 (a name twice), H01 (only one class).
        NonFiniteError: codes L01, L02, for a logit that is NaN or that float32 does not hold.

    Example:
        >>> read_logits(["cat=2.1", "zebra=-1"])
        {'cat': 2.1, 'zebra': -1.0}
    """
    if not texts:
        raise HeadConfigError("H12", "no logits", EXAMPLE)
    logits: dict[str, float] = {}
    for text in texts:
        name, number = _read_logit(text)
        if name in logits:
            raise HeadConfigError("H19", f"class {name!r} came twice", f"{name}_2={number:g}, or leave one out")
        logits[name] = number
    if len(logits) < 2:
        problem = f"one class, {texts[0]!r}; allowed 2 or more, since softmax shares 1 among them"
        raise HeadConfigError("H01", problem, f"torchheads explain {texts[0]} other=0")
    return logits


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are those of torchheads."""

    def error(self, message: str) -> NoReturn:
        raise HeadConfigError("H05", message, EXAMPLE)


def _parser() -> _Parser:
    parser = _Parser(
        prog="torchheads explain",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=22, width=80),
        allow_abbrev=False,
    )
    parser.add_argument("logits", nargs="*", metavar="NAME=LOGIT", help="one a class, two or more, such as zebra=-1")
    parser.add_argument(
        "--threshold", type=float, metavar="T", help="sigmoid's set is every class that reaches T (0.5)"
    )
    spaces = "what T is compared with: probability, or logit, the raw output"
    parser.add_argument("--space", choices=("probability", "logit"), metavar="S", help=spaces)
    parser.add_argument(
        "--checkpoint", metavar="FILE", help="a trained model, whose logits for a picture are explained"
    )
    parser.add_argument("--image", metavar="FILE", help="the picture, of any size: PNG, JPEG, ...")
    parser.add_argument("--invert", action="store_true", help="swap light and dark in the picture")
    return parser


def _check_threshold(threshold: float | None, space: str | None) -> None:
    """As `torchheads.Threshold` does, but before torch is imported and with what to type here."""
    if threshold is None:
        if space:
            raise HeadConfigError("H12", f"--space {space} without --threshold", f"--threshold 3 --space {space}")
    elif math.isnan(threshold):
        raise HeadConfigError("H03", "threshold nan; allowed a number", "--threshold 0.5")
    elif space != "logit" and not 0 <= threshold <= 1:
        problem = f"threshold {threshold:g} in probability space; allowed 0..1"
        raise HeadConfigError("H03", problem, f"--threshold {threshold:g} --space logit, for one on the raw output")


def _read_logit(text: str) -> tuple[str, float]:
    """One text such as ``cat=2.1`` as name and number; codes H05, L01, L02."""
    name, _, number = text.rpartition("=")
    if not name.strip() or not _is_number(number):
        with_point = number.replace(",", ".")
        shown = f"{name.strip() or 'cat'}={with_point if _is_number(with_point) else '2.1'}"
        raise HeadConfigError("H05", f"{text!r} is no logit; allowed name=number", shown)
    value = float(number)
    if math.isnan(value):
        raise NonFiniteError("L01", f"the logit of {name!r} is NaN; allowed a number", f"{name}=0, or leave {name} out")
    if abs(value) > LARGEST:
        problem = f"the logit of {name!r} is {number}; allowed what float32 holds, -3.4e38..3.4e38"
        remedy = f"{name}=1000" if value > 0 else f"leave {name} out, which is what -inf does to a softmax"
        raise NonFiniteError("L02", problem, remedy)
    return name, value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
