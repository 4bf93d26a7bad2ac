"""What a head learns after training, from held-out logits: its calibrator, its decision, its guarantee.

n examples, c classes, m = n x spatial positions (rows).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from torchheads.calibration import Calibrator, Identity
from torchheads.errors import FitError, TargetError, warn
from torchheads.fitting import halves
from torchheads.heads.functional import full_precision
from torchheads.shapes import check_logits, rows
from torchheads.targets import Target, TargetForm, densified, plain_target

if TYPE_CHECKING:
    from torchheads.heads.base import ClassificationHead


UNLEARNABLE = ("Z02", "Z04")
"""Codes of rows that hold nothing for a calibrator to learn, though they are sound."""


class HeldOut(NamedTuple):
    """Held-out rows: logits (m, c), label sets (m, c) and which of their entries are known; None for all."""

    logits: Float[Tensor, "m c"]
    target: Bool[Tensor, "m c"]
    known: Bool[Tensor, "m c"] | None

    def at(self, index: Int64[Tensor, "k"]) -> HeldOut:
        """Some of the rows."""
        return HeldOut(*(part if part is None else part[index] for part in self))  # type: ignore[arg-type]


@torch.no_grad()
def fit(head: ClassificationHead, logits: Tensor, target: Target, mask: Tensor | None, insist: bool = True) -> None:
    """Fit the calibrator, then on what it makes of the logits the decision and the guarantee; see the head.

    A promise holds for scores that its rows had no part in: beside a calibrator that learns, whatever promises gets one
    half of the rows, and the calibrator the other. Rows from which no calibrator can learn, such as rows that are all
    right already, are an error; without ``insist`` the logits stay as they are and a warning says so (code W08), as at
    the end of a training, which should not be lost for it.
    """
    with torch.inference_mode(False):  # under which buffers would become tensors that no state can be loaded into
        held_out = held_out_rows(head, *map(not_of_inference, (logits, target, mask)))
        own = rest = held_out
        learns = not isinstance(head.calibrator, Identity)
        if learns and (head.guarantee is not None or head.decision.promises):
            own, rest = (held_out.at(half) for half in halves(len(held_out.target), held_out.target.device))
        fit_calibrator(head.calibrator, own, insist)
        judged = rest if head.decision.promises else own
        at_their_word = learns and speaks_true(head)
        head.decision.fit(head.scores(judged.logits), judged.target, judged.known, calibrated=at_their_word)
        head.decision.learned_on = "holdout"
        if head.guarantee is not None:
            head.guarantee.fit(head.scores(rest.logits), rest.target, rest.known)


def not_of_inference(value: Any) -> Any:
    """A tensor of `torch.inference_mode` as an ordinary one; anything else as it is."""
    return value.clone() if isinstance(value, Tensor) and value.is_inference() else value


def speaks_true(head: ClassificationHead) -> bool:
    """Whether the scores of a head with a fitted calibrator are log-odds that every class may be taken at its word for.

    A softmax shares out a mass of one, which label sets do not have; logits as scores are no log-odds; and a class in
    which the calibrator learned nothing says what it said before.
    """
    return head.link.judges_alone and head.score == "log_odds" and not head.calibrator.kept_identity


def fit_calibrator(calibrator: Calibrator, rows: HeldOut, insist: bool) -> None:
    """Fit a calibrator; without ``insist`` one that cannot learn from these rows keeps the logits, with a warning."""
    try:
        calibrator.fit(*rows)
    except FitError as error:
        if insist or error.code not in UNLEARNABLE:
            raise
        calibrator.keep_logits()
        warn("W08", f"{error.problem}; {type(calibrator).__name__} leaves the logits as they are", error.remedy)


def held_out_rows(head: ClassificationHead, logits: Tensor, target: Target, mask: Tensor | None) -> HeldOut:
    """Logits and target as rows, without the rows of which nothing is known.

    Raises:
        TargetError: codes M13 and T06, for a target that is neither right nor wrong; and those of the head's form.

    Example:
        >>> from torchheads import SigmoidHead
        >>> head, target = SigmoidHead(8, 2, ignore_index=-1), torch.tensor([[1, 0], [-1, -1], [-1, 1]])
        >>> held_out_rows(head, torch.zeros(3, 2), target, None).known
        tensor([[ True,  True],
                [False,  True]])
    """
    check_logits(logits, head.num_classes)
    plain = plain_target(target, head.form.owner)
    head.form.check_form(plain, logits)
    dense, dense_mask = densified(plain, mask)
    head.form.check_values(dense, dense_mask)
    values, known = head.form.rows(dense, dense_mask)
    refuse_soft(head.form, values, known)
    row_logits, sets = full_precision(rows(logits)), head.form.multi_hot(values, torch.bool)
    if known is None:
        return HeldOut(row_logits, sets, None)
    whole = known if known.ndim == 1 else known.any(dim=1)
    entries = None if known.ndim == 1 or known[whole].all() else known[whole]
    return HeldOut(row_logits[whole], sets[whole], entries)


def refuse_soft(form: TargetForm, values: Tensor, known: Tensor | None) -> None:
    """Refuse row values (m, c) between 0 and 1: what is fitted asks whether a class is right. Codes M13 and T06."""
    if not values.is_floating_point() or values.ndim != 2:
        return
    soft = (values > 0) & (values < 1)
    if known is not None:
        soft &= known if known.ndim == 2 else known.unsqueeze(1)
    if soft.any():
        row, label = soft.nonzero()[0].tolist()
        problem = (
            f"{form.owner} got the soft target {values[row, label].item():g} at held-out row {row}, class {label}; "
            "allowed hard ones, since a fit asks whether a class is right"
        )
        code, remedy = ("M13", "target >= 0.5") if form.label_type == "multi" else ("T06", "target.argmax(dim=1)")
        raise TargetError(code, problem, f"{remedy}, or held-out rows whose labels are not mixed")
