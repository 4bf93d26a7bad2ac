"""How what is unknown leaves a loss: whole rows, or single classes of a row.

m rows (examples or positions), c classes.
"""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor


def row_losses_of_known(
    loss: Callable[[Tensor, Tensor | None], Tensor], logits: Float[Tensor, "m c"], known: Tensor | None
) -> Float[Tensor, "m"]:
    """Losses of rows whose classes compete, shape (m,); 0 where the row is unknown.

    Args:
        loss: of logits (m, c) and the known classes (m, c) or None, shape (m,).
        logits: shape (m, c).
        known: (m,) for rows, (m, c) for single classes, or None.

    Example:
        >>> import torch
        >>> nothing = torch.tensor([[float("nan")], [1.0]])
        >>> row_losses_of_known(lambda logits, known: logits.sum(dim=1), nothing, torch.tensor([False, True]))
        tensor([0., 1.])
    """
    if known is None or known.ndim == 2:
        return loss(logits, known)
    return loss(logits.where(known.unsqueeze(1), 0), None).where(known, 0)  # NaN in a dropped row: no gradient


def summed_entries_of_known(
    entries: Callable[[Tensor], Tensor], logits: Float[Tensor, "m c"], known: Bool[Tensor, "..."] | None
) -> Float[Tensor, "m"]:
    """Losses of rows whose classes are judged alone, shape (m,): the sum over the known classes.

    Args:
        entries: of logits, both of shape (m, c).
        logits: shape (m, c).
        known: (m,) for rows, (m, c) for single classes, or None.

    Example:
        >>> import torch
        >>> summed_entries_of_known(lambda logits: logits, torch.ones(1, 3), torch.tensor([[True, True, False]]))
        tensor([2.])
    """
    if known is None:
        return entries(logits).sum(dim=1)
    known = known if known.ndim == 2 else known.unsqueeze(1)
    return entries(logits.where(known, 0)).where(known, 0).sum(dim=1)  # NaN in a dropped entry: no gradient
