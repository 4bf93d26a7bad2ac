"""How the promises of a run came out on the rows it was tested on: prediction sets, and answers withheld.

n examples, c classes, m = n x spatial positions (rows).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchheads.artifact import Rows
from torchheads.decisions import Selective
from torchheads.decisions.functional.selection import JUDGES
from torchheads.heads import ClassificationHead, named_heads
from torchheads.heads.held_out import HeldOut, held_out_rows
from torchheads.metrics import prediction_sets
from torchheads.metrics.selective import aurc
from torchheads.module import ClassificationModule
from torchheads.targets import each, named


@torch.no_grad()
def kept_promises(module: ClassificationModule) -> dict[str, Any]:
    """What the results say beside the metrics: ``guarantee`` and ``selective``, where a head has one.

    Args:
        module: after `Trainer.test`, so that ``module.collected`` holds the rows tested.

    Returns:
        Neither, one or both of the two keys; their values are by head where there are several.
    """
    by_head = {name: of_head(head, rows_of(module, name)) for name, head in named_heads(module.head).items()}
    if "" in by_head:
        return by_head[""]
    keys = dict.fromkeys(key for one in by_head.values() for key in one)
    return {key: {name: one[key] for name, one in by_head.items() if key in one} for key in keys}


def rows_of(module: ClassificationModule, name: str) -> Rows:
    """The rows of one head, on the device of the module."""
    collected: Rows = module.collected
    parts = (named(tree).get(name) for tree in collected[1:])
    return Rows(collected.index, *(each(lambda value: value.to(module.device), part) for part in parts))


def of_head(head: ClassificationHead, tested: Rows) -> dict[str, Any]:
    """The promises of one head."""
    found: dict[str, Any] = {}
    guarantee, decision = head.guarantee, head.decision
    promised = guarantee is not None and guarantee.fitted
    if not promised and not (isinstance(decision, Selective) and decision.fitted):
        return found
    rows = held_out_rows(head, tested.logits, tested.target, tested.mask)
    scores = head.scores(rows.logits)
    if guarantee is not None and promised:
        left_out = [name for name in ("always_included", "never_included") if getattr(guarantee, name, None)]
        names = {name: [head.class_names[c] for c in getattr(guarantee, name)] for name in left_out}
        found["guarantee"] = {"promise": repr(guarantee), **names, **of_sets(guarantee(scores), rows)}
    if isinstance(decision, Selective) and decision.fitted:
        found["selective"] = of_answers(decision, scores, rows)
    return found


def of_sets(sets: Bool[Tensor, "m c"], rows: HeldOut) -> dict[str, Any]:
    """The metrics of prediction sets (m, c) as plain numbers; a list of c of those by class."""
    target, known = rows.target, rows.known
    return {
        "coverage": float(prediction_sets.coverage(sets, target, known)),
        "false_negative_rate": float(prediction_sets.false_negative_rate(sets, target, known)),
        "set_precision": float(prediction_sets.set_precision(sets, target, known)),
        "mean_size": float(prediction_sets.mean_size(sets)),
        "empty": float(prediction_sets.empty_share(sets)),
        "class_coverage": prediction_sets.class_coverage(sets, target, known).tolist(),
        "class_precision": prediction_sets.class_precision(sets, target, known).tolist(),
    }


def of_answers(decision: Selective, scores: Float[Tensor, "m c"], rows: HeldOut) -> dict[str, Any]:
    """Share of the rows that are answered, their mean error, that of all rows, and the area between the two."""
    predictions, judge = decision.undecided(scores), JUDGES[decision.label_type]
    errors, answered = judge.errors(predictions, rows.target, rows.known), ~decision.abstains(scores)
    return {
        "answered": float(answered.double().mean()),
        "error_of_answers": float(errors[answered].mean()),
        "error_without_abstention": float(errors.mean()),
        "aurc": float(aurc(judge.confidence(scores, predictions), errors)),
    }
