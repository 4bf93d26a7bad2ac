"""The mean loss of an epoch over all its examples, and how many batches had none."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from torchheads.metrics.states import Totals

MANY = 256
"""Batches that wait at most before they are added to the totals."""


class EpochMean(NamedTuple):
    """What an epoch came to over all ranks: mean loss (NaN without examples), examples, batches, and those with none.

    ``examples`` need not be whole: a mixed target may count in part.
    """

    loss: float
    examples: float
    batches: int
    ignored_batches: int


class EpochLoss(nn.Module):
    """Mean loss over the examples of an epoch, whatever their split into batches and ranks; state float64 and int64.

        loss = sum_b n_b loss_b / sum_b n_b,    loss_b the mean over the n_b examples of batch b whose target is known

    Example:
        >>> losses = EpochLoss()
        >>> losses.update(torch.tensor(1.0), 3)
        >>> losses.update(torch.tensor(0.0), 0)
        >>> losses.compute()
        EpochMean(loss=1.0, examples=3.0, batches=2, ignored_batches=1)
    """

    def __init__(self) -> None:
        super().__init__()
        self._batches: list[tuple[Tensor, int | Tensor]] = []  # not added yet: that takes longer than a small step
        whole, real = torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.float64)
        self.totals = Totals(loss=real, examples=real, batches=whole, ignored_batches=whole)

    def update(self, loss: Tensor, count: int | Tensor) -> None:
        """Take in the mean loss of a batch, shape (), and of how many examples it is the mean; waits for no device."""
        own = count.clone() if isinstance(count, Tensor) else count
        self._batches.append((loss.detach().clone(), own))
        if len(self._batches) == MANY:
            self._add()

    def _add(self) -> None:
        """Add the batches that wait to the totals."""
        if not self._batches:
            return
        losses = torch.stack([loss.double() for loss, _ in self._batches])
        examples = torch.stack([torch.as_tensor(count).to(losses) for _, count in self._batches])
        self._batches.clear()
        self.totals.update(
            loss=(losses * examples).where(examples > 0, 0).sum(),
            examples=examples.sum(),
            batches=torch.tensor(len(losses)),
            ignored_batches=(examples == 0).sum(),
        )

    def compute(self) -> EpochMean:
        """The mean over all examples of all ranks; a collective call, also on a rank that had no batch."""
        self._add()
        with self.totals.sync_context():
            sums = {name: float(self.totals.total(name)) for name in ("loss", "examples", "batches", "ignored_batches")}
        loss = sums["loss"] / sums["examples"] if sums["examples"] else float("nan")
        return EpochMean(loss, sums["examples"], int(sums["batches"]), int(sums["ignored_batches"]))

    def reset(self) -> None:
        """Forget all batches."""
        self._batches.clear()
        self.totals.reset()
