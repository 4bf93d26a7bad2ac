"""The predictions of a checkpoint as a CSV file: row, decision in words, one probability a class, for each head."""

from __future__ import annotations

from itertools import compress
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from rich.console import Console
from torch import Tensor

from torchheads.artifact import Rows, write_table
from torchheads.build import build_trainer, load_to_answer
from torchheads.build_data import open_data
from torchheads.config import check_targets, make_output
from torchheads.data import SourcedData
from torchheads.decisions import Selective
from torchheads.errors import FitError, NonFiniteError
from torchheads.heads import ClassificationHead, named_heads
from torchheads.targets import named, prefixed


def predict(config: DictConfig, folder: Path) -> Path:
    """Write the predictions of ``config.checkpoint`` on ``config.split``.

    Args:
        config: as composed from ``configs/predict.yaml``.
        folder: where ``predictions.csv`` goes unless ``config.output`` names a file.

    Returns:
        The file written.

    Raises:
        FitError: code F01, when the checkpoint was saved before its decision was fitted.
        NonFiniteError: code L01, when the model answers with NaN.
    """
    plain = check_targets(config)
    output = make_output(Path(plain["output"] or folder / "predictions.csv"))
    module = load_to_answer(plain)
    heads = named_heads(module.head)
    if not all(head.decision.fitted for head in heads.values()):
        problem = f"{plain['checkpoint']} was saved before its decision was fitted, which comes after training"
        final = Path(plain["checkpoint"]).with_name("final.ckpt")
        raise FitError("F01", problem, f"checkpoint={final}, or decision=threshold decision.value=0.5")
    data = open_data(plain["data"], module)
    trainer = build_trainer(plain, folder)
    loader = data.evaluation_dataloader(plain["split"])
    trainer.predict(module, dataloaders=loader, return_predictions=False)
    if trainer.is_global_zero:
        rows = module.collected
        check_numbers(rows, plain["checkpoint"])
        columns: dict[str, list[Any]] = {"index": rows.index.tolist()}
        files = data.file_names(plain["split"]) if isinstance(data, SourcedData) else None
        if files is not None:
            columns["file"] = [files[row] for row in columns["index"]]
        for name, head in heads.items():
            columns |= {prefixed(name, key): values for key, values in answers(head, named(rows.logits)[name]).items()}
        write_table(output, columns)
        Console().print(f"{len(rows.index)} predictions: {output}", soft_wrap=True)
    return output


@torch.no_grad()
def answers(head: ClassificationHead, logits: Tensor) -> dict[str, list[Any]]:
    """What a head says of logits (n, c): the column "predicted" in words, and one of probabilities a class.

    A selective decision on label sets adds the column "abstained" (1 where there is no answer), a guarantee the column
    "possible", its prediction set in words.
    """
    columns: dict[str, list[Any]] = {"predicted": in_words(head.predict(logits), head.class_names)}
    if isinstance(head.decision, Selective) and head.label_type == "multi":  # where "" may be an answer too
        columns["abstained"] = head.abstained(logits).int().tolist()
    if head.guarantee is not None and head.guarantee.fitted:
        columns["possible"] = in_words(head.prediction_set(logits), head.class_names)
    probabilities = head.probabilities(logits)
    return columns | {f"p({name})": probabilities[:, c].tolist() for c, name in enumerate(head.class_names)}


def check_numbers(rows: Rows, checkpoint: str) -> None:
    """Refuse logits that are NaN, from which a decision would still be read.

    Raises:
        NonFiniteError: code L01, naming the first rows.
    """
    nan = [logits.isnan().flatten(1).any(dim=1) for logits in named(rows.logits).values()]
    bad = rows.index[torch.stack(nan).any(dim=0)].tolist()
    if bad:
        problem = f"{checkpoint} gives NaN logits for {len(bad)} of {len(rows.index)} rows, such as {bad[:3]}"
        raise NonFiniteError("L01", problem, "another checkpoint; this one was damaged in training or its input is NaN")


def in_words(predictions: Tensor, class_names: tuple[str, ...]) -> list[str]:
    """Class indices (n,) as names, rejected ones (-1) as nothing; sets (n, c) as names joined by semicolons.

    Example:
        >>> in_words(torch.tensor([[True, True], [False, False]]), ("cat", "dog"))
        ['cat;dog', '']
        >>> in_words(torch.tensor([1, -1]), ("cat", "dog"))
        ['dog', '']
    """
    if predictions.ndim == 1:
        return [class_names[index] if index >= 0 else "" for index in predictions.tolist()]
    return [";".join(compress(class_names, row)) for row in predictions.tolist()]
