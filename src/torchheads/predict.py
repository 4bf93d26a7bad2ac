"""The predictions of a checkpoint as a CSV file: row, decision in words, one probability a class."""

from __future__ import annotations

from itertools import compress
from pathlib import Path

import torch
from omegaconf import DictConfig
from rich.console import Console
from torch import Tensor

from torchheads.artifact import write_table
from torchheads.build import build_trainer, load_module, open_data
from torchheads.config import check_targets


def predict(config: DictConfig, folder: Path) -> Path:
    """Write the predictions of ``config.checkpoint`` on ``config.split``.

    Args:
        config: as composed from ``configs/predict.yaml``.
        folder: where ``predictions.csv`` goes unless ``config.output`` names a file.

    Returns:
        The file written.
    """
    plain = check_targets(config)
    module = load_module(plain["checkpoint"])
    data = open_data(plain["data"], module)
    trainer = build_trainer(plain, folder)
    loader = data.evaluation_dataloader(plain["split"])
    trainer.predict(module, dataloaders=loader, return_predictions=False)
    output = Path(plain["output"] or folder / "predictions.csv")
    if trainer.is_global_zero:
        head, rows = module.head, module.collected
        with torch.no_grad():
            decided = in_words(head.predict(rows.logits), head.class_names)
            probabilities = head.probabilities(rows.logits)
        columns = {"index": rows.index.tolist(), "predicted": decided}
        columns |= {f"p({name})": probabilities[:, c].tolist() for c, name in enumerate(head.class_names)}
        write_table(output, columns)
        Console().print(f"{len(decided)} predictions: {output}", soft_wrap=True)
    return output


def in_words(predictions: Tensor, class_names: tuple[str, ...]) -> list[str]:
    """Class indices (n,) as names; sets (n, c) as names joined by semicolons, the empty set as nothing.

    Example:
        >>> in_words(torch.tensor([[True, True], [False, False]]), ("cat", "dog"))
        ['cat;dog', '']
    """
    if predictions.ndim == 1:
        return [class_names[index] for index in predictions.tolist()]
    return [";".join(compress(class_names, row)) for row in predictions.tolist()]
