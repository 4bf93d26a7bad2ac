"""The softmax of rows with few classes on the CPU: along columns, many rows at once.

m rows (examples or positions), c classes.

torch's kernel fills a vector register with classes of one row. A row that is shorter it takes number by number, which
made loss and gradient of 2,048 rows of 10 classes five times as slow as along the columns of the transposed matrix.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.compiler import is_exporting

LANES = {"AVX512": 16, "AVX2": 8}.get(torch.backends.cpu.get_cpu_capability(), 4)
"""How many float32 a vector register of this machine holds."""
LEAST_ENTRIES = 2**12
"""From how many logits on the detour over columns takes less time than its own calls, with threads too."""


def are_few(logits: Float[Tensor, "m c"]) -> bool:
    """Whether logits of shape (m, c) have so few classes, and so many rows, that columns are the faster way.

    Never in what ``torch.export`` traces: there the number of rows may be any.

    Example:
        >>> are_few(torch.zeros(5000, 2)), are_few(torch.zeros(5, 2)), are_few(torch.zeros(5000, 100))
        (True, False, False)
    """
    classes = logits.shape[1]
    return classes < LANES and not is_exporting() and logits.numel() >= LEAST_ENTRIES and logits.is_cpu


def log_softmax(logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
    """ln softmax(z) of each row, shape (m, c).

    Example:
        >>> log_softmax(torch.zeros(1, 2))  # ln 1/2
        tensor([[-0.6931, -0.6931]])
    """
    return logits.t().log_softmax(dim=0).t() if are_few(logits) else logits.log_softmax(dim=1)
