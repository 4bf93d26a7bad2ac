"""What a threshold, a calibrator or a guarantee is fitted on, checked once for all of them.

m held-out rows (examples or positions), c classes.
"""

import torch
from torch import Tensor

from torchheads.errors import FitError

CALIBRATE = "torchheads calibrate checkpoint=... for a checkpoint"
"""What fits the parts of a checkpoint afterwards."""


def check_held_out(values: Tensor, target: Tensor, known: Tensor | None, num_classes: int) -> None:
    """Refuse what nothing can be fitted on.

    Args:
        values: scores or logits of the held-out rows, shape (m, c), finite where they are known.
        target: their label sets, shape (m, c), bool.
        known: bool of the same shape, False where it is not known whether the label is right; None for everything.
        num_classes: C of the head.

    Raises:
        FitError: code F03, for another type or shape, or values that are not finite; F02, without any row.
    """
    fits = isinstance(values, Tensor) and values.ndim == 2 and values.shape[1] == num_classes
    if not fits or not all_finite(values, known):
        problem = f"scores of {described(values)}; allowed finite ones of shape (n, {num_classes})"
        raise FitError("F03", problem, "head.scores(logits) of a split that gives finite logits")
    for name, tensor in (("a target", target), ("a mask", known)):
        if (tensor is not None or name == "a target") and getattr(tensor, "shape", None) != values.shape:
            problem = f"{name} of {described(tensor)} for scores of shape {tuple(values.shape)}; allowed the same shape"
            raise FitError("F03", problem, "fit(scores, target.bool())")
    if not len(values):
        raise FitError(
            "F02", "no held-out example to fit on", "a larger calibration split (data.calibration_share=0.1)"
        )


def all_finite(values: Tensor, known: Tensor | None = None) -> bool:
    """Whether every value that is known is finite; without a copy of the values where all are known.

    Example:
        >>> import torch
        >>> all_finite(torch.tensor([1.0, torch.inf])), all_finite(torch.zeros(0))
        (False, True)
    """
    if known is not None and known.shape == values.shape:
        values = values[known]
    return not values.numel() or all(bool(extreme.isfinite()) for extreme in values.aminmax())


def described(value: object) -> str:
    """The shape of a tensor, or the type of what is none.

    Example:
        >>> described([1])
        'type list'
    """
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"type {type(value).__name__}"


def halves(rows: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Two halves of so many rows by their numbers, drawn at random but the same ones each time.

    What is promised of something learned needs rows that it was not learned from.

    Example:
        >>> [len(half) for half in halves(5, torch.device("cpu"))]
        [2, 3]
    """
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(0), device="cpu").to(device)
    return order[: rows // 2], order[rows // 2 :]
