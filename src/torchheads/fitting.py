"""What a threshold, a calibrator or a guarantee is fitted on, checked once for all of them.

m held-out rows (examples or positions), c classes.
"""

from torch import Tensor

from torchheads.errors import FitError


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
    finite = fits and (values.isfinite() if known is None else values.isfinite() | ~known).all()
    if not finite:
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


def described(value: object) -> str:
    """The shape of a tensor, or the type of what is none.

    Example:
        >>> described([1])
        'type list'
    """
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
