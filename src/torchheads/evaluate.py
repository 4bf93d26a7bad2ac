"""The metrics of a checkpoint on a split of its own data, or of other data with the same classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from torchheads.artifact import write_json
from torchheads.build import build_trainer, load_to_answer
from torchheads.build_data import open_data
from torchheads.config import check_targets, make_output
from torchheads.kept_promises import kept_promises
from torchheads.train import SCHEMA, head_name, metric_table


def evaluate(config: DictConfig, folder: Path) -> dict[str, Any]:
    """Print the metrics of ``config.checkpoint`` on ``config.split`` and write them as JSON.

    Args:
        config: as composed from ``configs/evaluate.yaml``.
        folder: where the JSON goes unless ``config.output`` names a file.

    Returns:
        What the JSON file holds.
    """
    plain = check_targets(config)
    output = make_output(Path(plain["output"] or folder / "results.json"))
    module = load_to_answer(plain)
    data = open_data(plain["data"], module)
    trainer = build_trainer(plain, folder)
    trainer.test(module, dataloaders=data.evaluation_dataloader(plain["split"]), verbose=False)
    results = {key.replace("test", plain["split"], 1): metrics for key, metrics in module.results.items()}
    record = {
        "schema": SCHEMA,
        "head": head_name(module),
        "label_type": data.label_type,
        "data": data.name,
        "split": plain["split"],
        "samples": len(module.collected.index),
        "checkpoint": plain["checkpoint"],
        **results,
        **kept_promises(module),
    }
    if trainer.is_global_zero:
        write_json(output, record)
        title = f"{record['head']} head on {record['data']}, {record['samples']} {record['split']} examples"
        console = Console()
        console.print(title)
        console.print(metric_table(*results.values()))
        console.print(f"Results: {output}", soft_wrap=True)
    return record
