"""``torchheads inspect``: what a data set holds, and which head fits it; printed, and written as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from torchheads.artifact import write_json
from torchheads.build_data import build_data
from torchheads.config import check_targets, make_output
from torchheads.data.overview import inspect_record
from torchheads.inspect_tables import show


def inspect(config: DictConfig, folder: Path) -> dict[str, Any]:
    """Look at every split as a run would see it; nothing is trained.

    Args:
        config: as composed from ``configs/inspect.yaml``.
        folder: where ``inspect.json`` goes unless ``config.output`` names a file.

    Returns:
        What the JSON file holds.
    """
    plain = check_targets(config)
    output = make_output(Path(plain["output"] or folder / "inspect.json"))
    record = inspect_record(build_data(plain["data"], plain["backbone"]))
    write_json(output, record)
    console = Console(highlight=False)
    show(record, console)
    console.print(f"\nAll of it: {output}", soft_wrap=True)
    return record
