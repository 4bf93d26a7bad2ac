"""One mean over everything a step sees: all ranks and all accumulated batches, however uneven.

Lightning averages the means of batches and ranks. That is the mean over examples only when each holds the same number.
"""

from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer

from torchheads.errors import HeadConfigError


class GlobalMean:
    """Turns "the mean of means" into the mean over examples of an optimizer step.

        gradient = sum over ranks and batches of n_b * gradient(mean loss of b)  /  sum of n_b

    Each batch loss is weighed by its number n_b of examples before the backward pass; before the optimizer steps, the
    gradients are divided by the total. One process without accumulation needs neither and pays for neither.
    """

    def __init__(self) -> None:
        self._count: Tensor | int = 0

    def weigh(self, loss: Tensor, count: int | Tensor, trainer: Any) -> Tensor:
        """The loss to run backward: scalar in, scalar out.

        Args:
            loss: mean over the batch, shape ().
            count: how many examples it is the mean of.
            trainer: the Lightning trainer, which knows ranks and accumulated batches.
        """
        if not self._needed(trainer):
            return loss
        self._count = self._count + count
        return loss * count

    @torch.no_grad()
    def correct(self, optimizer: Optimizer, trainer: Any) -> None:
        """Scale the gradients from "mean over ranks and batches of sums" to "mean over examples".

        Raises:
            HeadConfigError: code H13, for L-BFGS, which asks for one loss many times: it would see that of the last
                batch of one rank alone.
        """
        if not self._needed(trainer):
            return
        if isinstance(optimizer, LBFGS):
            batches, ranks = trainer.accumulate_grad_batches, trainer.world_size
            problem = f"L-BFGS with {ranks} rank(s) and {batches} accumulated batch(es); allowed one of each"
            raise HeadConfigError(
                "H13", problem, "data.batch_size=<all rows> trainer.accumulate_grad_batches=1, one device"
            )
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        total = torch.as_tensor(self._count, dtype=torch.float32, device=gradients[0].device)
        if trainer.world_size > 1:
            torch.distributed.all_reduce(total)
        factor = trainer.world_size * trainer.accumulate_grad_batches / total.where(total > 0, 1)
        torch._foreach_mul_(gradients, factor)
        self._count = 0

    def _needed(self, trainer: Any) -> bool:
        return bool(trainer.world_size > 1 or trainer.accumulate_grad_batches > 1)
