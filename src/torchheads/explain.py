"""``torchheads explain``: the spreadsheet of softmax and sigmoid, for logits typed in or for a model and a picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from torchheads.errors import CheckpointError, CheckpointMismatch, TorchHeadsError
from torchheads.explain_options import PICTURE_EXAMPLE, read_options
from torchheads.terminal import printable

if TYPE_CHECKING:
    from torchheads.module import ClassificationModule


def run(arguments: Sequence[str], console: Console | None = None) -> None:
    """Print the spreadsheet that a command line asks for; an error is one line on the error stream and exit code 2.

    Args:
        arguments: what was typed after ``explain``.
        console: where to print; the standard output if None.
    """
    console = console or Console(highlight=False)
    try:
        options = read_options(arguments)
        if options.checkpoint:
            explain_picture(options, console)
        else:
            explain_logits(options, console)
    except TorchHeadsError as error:
        print(printable(str(error)), file=sys.stderr)
        raise SystemExit(2) from None


def explain_logits(options: argparse.Namespace, console: Console) -> None:
    """Print the spreadsheet of logits that were typed in."""
    import torch

    from torchheads.spreadsheet import spreadsheet
    from torchheads.spreadsheet_text import print_spreadsheet

    logits = torch.tensor([list(options.logits.values())], dtype=torch.float32)
    sheet = spreadsheet(tuple(options.logits), logits, options.threshold, options.space or "probability")
    print_spreadsheet(sheet, console)


def explain_picture(options: argparse.Namespace, console: Console) -> None:
    """Print the spreadsheet of a checkpoint's calibrated logits for a picture, and what the checkpoint decides.

    Raises:
        CheckpointError: see `load`.
        DataError: code D09, for a file that is no picture.
    """
    import torch

    from torchheads.build_data import open_data
    from torchheads.pictures import as_input, brightness_note, read_picture
    from torchheads.predict import in_words
    from torchheads.spreadsheet import spreadsheet
    from torchheads.spreadsheet_text import print_spreadsheet

    picture = read_picture(options.image)
    module = load(options.checkpoint)
    head, data = module.head, open_data(None, module)
    image = as_input(picture, data, options.invert)
    with torch.no_grad():
        logits = module(data.standardise(image))
        decided = in_words(head.predict(logits), head.class_names)[0].replace(";", ", ")
        calibrated = head.calibrated(logits)
    more = {"model": f"{type(head).__name__} with {head.decision}: {decided or 'none'}"}
    if note := brightness_note(image, data, "without --invert" if options.invert else "again with --invert"):
        more["note"] = note
    sheet = spreadsheet(head.class_names, calibrated, options.threshold, options.space or "probability")
    print_spreadsheet(sheet, console, **more)


def load(checkpoint: str) -> ClassificationModule:
    """The model of a checkpoint.

    Raises:
        CheckpointError: codes K01, K03, for a file that is no checkpoint of a run, or not one of one head with two or
            more classes.
    """
    from torchheads.build import load_module
    from torchheads.heads import ClassificationHead

    try:
        module = load_module(checkpoint)
    except CheckpointError as error:
        raise type(error)(error.code, error.problem, PICTURE_EXAMPLE) from error
    head = module.head
    if not isinstance(head, ClassificationHead) or head.num_classes < 2:
        problem = f"{checkpoint} holds a {type(head).__name__}; allowed one head of two or more classes"
        raise CheckpointMismatch("K03", problem, "the checkpoint of a SoftmaxHead or a SigmoidHead")
    return module
