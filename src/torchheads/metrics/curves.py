"""Average precision and AUROC per label, by torchmetrics, in float64, for defined labels and known entries only.

n examples, c classes. A target is 1 where the label is right, 0 where it is not, and 2 where neither is known.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float64, UInt8
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from torchheads.metrics.states import UNKNOWN


def average_precision(keys: Float64[Tensor, "n c"], target: UInt8[Tensor, "n c"]) -> Float64[Tensor, "c"]:
    """Average precision of each label, shape (c,); NaN for a label without positives.

    Use it for ranking quality where positives are rare; `auroc` weighs positives and negatives alike.

        AP = sum_k (R_k - R_{k-1}) P_k   over the distinct keys, highest first; P precision, R recall

    Args:
        keys: rank keys of shape (n, c) in (0, 1).
        target: shape (n, c), 0, 1 or 2.

    Example:
        >>> keys = torch.tensor([[0.9, 0.9], [0.1, 0.1]], dtype=torch.float64)
        >>> average_precision(keys, torch.tensor([[0, 0], [1, 0]], dtype=torch.uint8))
        tensor([0.5000,    nan], dtype=torch.float64)
    """
    return _each_label(binary_average_precision, keys, target, defined=(target == 1).any(dim=0))


def auroc(keys: Float64[Tensor, "n c"], target: UInt8[Tensor, "n c"]) -> Float64[Tensor, "c"]:
    """Area under the ROC curve of each label, shape (c,); NaN for a label without positives or without negatives.

    It is the chance that a positive ranks above a negative, a tie counting one half.

    Args:
        keys: rank keys of shape (n, c) in (0, 1).
        target: shape (n, c), 0, 1 or 2.

    Example:
        >>> keys = torch.tensor([[0.9], [0.9], [0.1]], dtype=torch.float64)
        >>> auroc(keys, torch.tensor([[1], [0], [0]], dtype=torch.uint8))
        tensor([0.7500], dtype=torch.float64)
    """
    both = (target == 1).any(dim=0) & (target == 0).any(dim=0)
    return _each_label(binary_auroc, keys, target, defined=both)


def micro_average_precision(keys: Float64[Tensor, "n c"], target: UInt8[Tensor, "n c"]) -> Float64[Tensor, ""]:
    """Average precision of all known entries taken as one label, a scalar; NaN without any positive.

    Args:
        keys: rank keys of shape (n, c) in (0, 1).
        target: shape (n, c), 0, 1 or 2.

    Example:
        >>> keys = torch.tensor([[0.9, 0.8], [0.1, 0.2]], dtype=torch.float64)
        >>> micro_average_precision(keys, torch.tensor([[1, 0], [0, 1]], dtype=torch.uint8))
        tensor(0.8333, dtype=torch.float64)
    """
    return average_precision(keys.reshape(-1, 1), target.reshape(-1, 1))[0]


def _each_label(
    measure: Callable[..., Tensor], keys: Tensor, target: Tensor, defined: Bool[Tensor, "c"]
) -> Float64[Tensor, "c"]:
    """One measure per label, NaN where undefined: torchmetrics would score such a label 0 and average it in."""
    values = torch.full((keys.shape[1],), torch.nan, dtype=torch.float64, device=keys.device)
    with _float64_division():
        for label in defined.nonzero().flatten().tolist():
            values[label] = measure(*_known(keys[:, label], target[:, label]), validate_args=False)
    return values


def _known(keys: Float64[Tensor, "n"], target: UInt8[Tensor, "n"]) -> tuple[Tensor, Tensor]:
    """The rows of one label whose target is known; the same tensors, not copies, where all are."""
    known = target != UNKNOWN
    return (keys, target) if known.all() else (keys[known], target[known])


@contextmanager
def _float64_division() -> Iterator[None]:
    """Make counts divide in float64: torchmetrics divides integers, which gives torch's default dtype.

    That default is float32, and bfloat16 while Lightning trains in true half precision.
    """
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(default)
