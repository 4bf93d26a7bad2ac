"""After training: what each head learns from rows that training has not seen, and what of it stands in the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from torchheads.artifact import Rows
from torchheads.crossfit import out_of_fold
from torchheads.data import ClassificationData
from torchheads.errors import DataError, HeadConfigError
from torchheads.heads import ClassificationHead, MultiHead, held_out, named_heads
from torchheads.module import ClassificationModule
from torchheads.targets import each, named


def fit_parts(
    trainer: Trainer, module: ClassificationModule, data: ClassificationData, config: Mapping[str, Any], folder: Path
) -> None:
    """Fit calibrators, decisions and guarantees that must be fitted, head by head.

    On the calibration split, which nothing else has seen; or, for a decision that asks for a crossfit, on all training
    rows, each judged by a model that has not seen it.
    """
    unfitted = {name: head for name, head in named_heads(module.head).items() if not head.fitted}
    sources: dict[int, Rows] = {}
    for name, head in unfitted.items():
        folds = folds_of(head)
        if folds not in sources:
            sources[folds] = (
                out_of_fold(config, data, folds, folder) if folds else calibration_rows(trainer, module, data)
            )
        logits, target, mask = (
            each(lambda value: value.to(module.device), named(tree).get(name)) for tree in sources[folds][1:]
        )
        held_out.fit(head, logits, target, mask, insist=False)
        head.decision.learned_on = head.decision.fitted_on


def calibration_rows(trainer: Trainer, module: ClassificationModule, data: ClassificationData) -> Rows:
    """The module's logits of the calibration split."""
    trainer.predict(module, dataloaders=data.calibration_dataloader(), return_predictions=False)
    return module.collected


def folds_of(head: ClassificationHead) -> int:
    """How many folds a head is crossfitted with; 0 for a fit on the calibration split."""
    return head.decision.folds if head.decision.fitted_on == "crossfit" else 0


def check_fittable(head: ClassificationHead | MultiHead, data: ClassificationData) -> None:
    """Refuse, before anything is trained, what could not be fitted afterwards.

    Raises:
        HeadConfigError: code H37, for a guarantee together with a crossfit.
        DataError: code D01, for an empty calibration split where one is needed; D14, for one without any label.
    """
    for name, one in named_heads(head).items():
        if not one.fitted:
            check_rows(one, name, data)


def check_rows(head: ClassificationHead, name: str, data: ClassificationData) -> None:
    """As `check_fittable`, of one head and the targets of its name."""
    waiting = next(part for part in (head.decision, head.calibrator, head.guarantee) if part and not part.fitted)
    rule, split = type(waiting).__name__, "train" if folds_of(head) else "calibration"
    if folds_of(head) and head.guarantee is not None:
        problem = f"{type(head.guarantee).__name__} holds for rows that one model has not seen, not for a crossfit"
        raise HeadConfigError("H37", problem, "decision.fit=holdout, or no guarantee")
    if data.num_samples[split] == 0:
        problem = f"split {split!r} of {data.name} is empty, and {rule} is fitted on it"
        raise DataError("D01", problem, "data.calibration_share=0.1, decision.fit=crossfit or decision=threshold")
    if head.label_type == "multi" and not (named(data.split(split).target)[name] > 0).any():
        problem = f"split {split!r} of {data.name} has no example of any class, and {rule} is fitted on it"
        raise DataError("D14", problem, "more calibration rows, decision.fit=crossfit or decision=threshold")


def fitted_record(head: ClassificationHead | MultiHead) -> dict[str, Any]:
    """What the results say of the parts that were fitted; by head where there are several.

    Example:
        >>> from torchheads import SigmoidHead
        >>> fitted_record(SigmoidHead(4, 2))
        {'decision': 'Threshold', 'calibrator': 'Identity'}
    """
    records = {name: one_record(one) for name, one in named_heads(head).items()}
    return records.get("", records)


def one_record(head: ClassificationHead) -> dict[str, Any]:
    """The parts of one head by name, and the classes that were left out of what they learned."""
    record: dict[str, Any] = {"decision": type(head.decision).__name__, "calibrator": type(head.calibrator).__name__}
    if head.guarantee is not None:
        record["guarantee"] = type(head.guarantee).__name__
    kept = getattr(head.decision, "kept_shared", None)
    if kept is not None:
        record["fitted_on"] = head.decision.learned_on or head.decision.fitted_on
        record["at_the_shared_threshold"] = [head.class_names[c] for c in kept.nonzero().flatten().tolist()]
    if getattr(head.calibrator, "kept_identity", ()):
        record["not_calibrated"] = [head.class_names[c] for c in head.calibrator.kept_identity]
    return record
