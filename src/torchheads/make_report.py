"""``torchheads report``: the pages of runs that are there already, in a study or not."""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor

from torchheads.build_data import build_data
from torchheads.compare_text import say
from torchheads.config import make_output
from torchheads.errors import CheckpointError, DataError, TorchHeadsError
from torchheads.images import read_image
from torchheads.pictures import brightest_shade
from torchheads.report.gallery import Pictures
from torchheads.report.write import write_report
from torchheads.study.base import check_level
from torchheads.study.runs import Run, find_runs
from torchheads.study.summary import summarise
from torchheads.terminal import printable

FACTS = "study.json"
"""What runs cannot know of the study they belong to, beside their folders."""

LARGEST_SIDE = 96
"""Pixels of a picture on the page."""


def run(arguments: Sequence[str]) -> None:
    """Make the report that a command line asks for; an error is one line on the error stream and exit code 2.

    Args:
        arguments: what was typed after ``report``.
    """
    parser = argparse.ArgumentParser("torchheads report", description="The pages of runs that are there already.")
    parser.add_argument("places", nargs="+", type=Path, help="folders of runs, or of a study")
    parser.add_argument("--output", type=Path, help="folder of the pages; report/ in the first place if left out")
    parser.add_argument("--level", type=float, default=0.95, help="of the intervals")
    parser.add_argument("--resamples", type=int, default=400, help="of test samples, for the intervals")
    options = parser.parse_args(arguments)
    try:
        check_level(options.level)
        runs = find_runs(options.places)
        page = make_output((options.output or options.places[0] / "report") / "report.html")
        summary = summarise(runs, read_facts(options.places), options.level, options.resamples)
        say(summary, make_report(runs, summary, page.parent))
    except TorchHeadsError as error:
        print(printable(str(error)), file=sys.stderr)
        raise SystemExit(2) from None


def make_report(runs: Sequence[Run], summary: dict[str, Any], folder: Path) -> Path:
    """Write the pages of runs with the pictures of their data; returns the path of ``report.html``."""
    return write_report(runs, summary, folder, find_pictures=pictures_of)


def read_facts(places: Sequence[Path]) -> dict[str, Any]:
    """What a study says of itself; nothing of several places, or of one that is none.

    Raises:
        CheckpointError: code K08, for a file that is damaged.
    """
    path = places[0] / FACTS
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise CheckpointError(
            "K08", f"{path} cannot be read ({error})", "without that file, or the study again"
        ) from error
    return facts if len(places) == 1 else {}


def pictures_of(run: Run) -> tuple[Pictures, str]:
    """The test samples of a run as pictures; or none, and why.

    Data that have moved since, or are no pictures, leave a gallery without them and no error.
    """
    try:
        config: Any = OmegaConf.to_container(OmegaConf.load(run.folder / "config.yaml"))
        data = build_data(config["data"] | {"augment": None, "mix": None, "sampling": None}, config["backbone"])
        split = data.split("test")
        same = np.array_equal(split.target.numpy(), run.predictions().target)
    except Exception as error:
        return (lambda row: None), f"No pictures: the data cannot be read any more ({type(error).__name__})."
    if not same:
        return (lambda row: None), "No pictures: the data are not those of the run any more."
    if len(data.input_shape) != 3 or data.input_shape[0] not in (1, 3):
        return (lambda row: None), ""

    white = brightest_shade(data)

    def picture(row: int) -> str | None:
        try:
            if isinstance(split.input, Tensor):
                return as_uri(split.input[row], white)
            assert data.image_format is not None
            return as_uri(read_image(split.input, row, data.image_format), white)
        except (DataError, OSError):  # one file that is gone or damaged
            return None

    return picture, ""


def as_uri(pixels: Tensor, white: float) -> str:
    """Raw pixels (channels, height, width), black at 0, as a data URI: PNG where grey, JPEG where in colours."""
    from PIL import Image

    shades = (pixels.float() / white * 255).clamp(0, 255).to(torch.uint8)
    image = Image.fromarray((shades[0] if len(shades) == 1 else shades.permute(1, 2, 0)).numpy())
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    file = io.BytesIO()
    kind = "png" if image.mode == "L" else "jpeg"
    image.save(file, kind, optimize=True)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
