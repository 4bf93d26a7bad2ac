"""What heads do to numbers, as pure functions."""

from torch import Tensor


def full_precision(values: Tensor) -> Tensor:
    """Half-precision values as float32; float32 and float64 as they are, any shape.

    Example:
        >>> import torch
        >>> full_precision(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return values.float() if values.dtype.itemsize < 4 else values
