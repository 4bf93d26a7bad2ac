"""An order-preserving key in (0, 1) of any score, so that torchmetrics ranks scores instead of guessing what they are.

torchmetrics takes numbers outside [0, 1] for logits, batch by batch, and applies a sigmoid, which saturates in float32
above 16.6: well-ranked scores become ties. A key is inside (0, 1) in every batch and two keys compare as their scores.
n examples, c classes.
"""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from torchheads.errors import NonFiniteError

_EXPONENT = 1 << 52  # float64 bit patterns per power of two
_BELOW_SMALLEST = (1023 - 255) * _EXPONENT - 1  # the pattern just under 2**-255
_SPAN = 511 * _EXPONENT - 1  # patterns from 2**-255 to 2**256, the powers a key has room for on either side of zero
_ZERO = _EXPONENT + _SPAN  # the pattern of the key of a zero; the smallest key is the smallest normal number


def rank_key(scores: Float[Tensor, "n c"]) -> Float64[Tensor, "n c"]:
    """Keys that rank as the scores do, for metrics that read the order alone (average precision, AUROC).

    The bit pattern of a positive float64, read as an integer, has the order of the number itself. Its sign is put
    back, the integer is shifted into the patterns of (0, 1), and those are read as float64 again. Equal scores have
    equal keys, -0 equals +0, and unequal scores have unequal keys: for all of float16, bfloat16 and float32,
    infinities included; for float64 while 2**-255 <= abs(score) < 2**256 (smaller ones tie with 0, larger ones with
    each other).

    Args:
        scores: scores of shape (n, c), any floating dtype; infinities are allowed, NaN is not.

    Returns:
        Keys of shape (n, c), contiguous, float64, inside (0, 1).

    Raises:
        NonFiniteError: code L01, when a score is NaN (whose bit pattern would rank as the best score of all).

    Example:
        >>> keys = rank_key(torch.tensor([[-100.0, -0.0, 0.0, 97.0, 98.0]]))
        >>> keys.diff().sign().tolist(), bool((keys > 0).all() and (keys < 1).all())
        ([[1.0, 0.0, 1.0, 1.0]], True)
    """
    wide = scores.detach().double().contiguous()
    _refuse_nan(wide)
    magnitude = (wide.abs().view(torch.int64) - _BELOW_SMALLEST).clamp(0, _SPAN)
    return (_ZERO + torch.where(wide < 0, -magnitude, magnitude)).view(torch.float64)


def _refuse_nan(scores: Tensor) -> None:
    """Raise at the first NaN."""
    nan = scores.isnan()
    if nan.any():
        row, label = nan.nonzero()[0].tolist()
        problem = f"NaN score at row {row} of the batch, class {label} ({int(nan.sum())} in all); allowed any number"
        raise NonFiniteError("L01", problem, "trainer.detect_anomaly=true, or a smaller optimizer.lr")
