"""Whether losses are finite, asked on the device and answered one step later, so that no step waits for the answer."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from torchheads.errors import NonFiniteError


class Answer(NamedTuple):
    """Whether a loss was finite, on its way to the CPU, and the event that says it has arrived; None on the CPU."""

    finite: Tensor | bool
    step: int
    arrived: torch.cuda.Event | None


class FiniteWatch:
    """Stops a training run whose loss became NaN or infinite, on an accelerator too.

    On the CPU a head looks at its loss itself, unless it is compiled. On a device looking would make every step wait,
    so the question is put after the forward pass of a step and the answer read in the next one.

    Example:
        >>> watch = FiniteWatch()
        >>> watch.look(torch.tensor(float("nan")), step=7)
        >>> try:
        ...     watch.look(torch.tensor(1.0), step=8)
        ... except NonFiniteError as error:
        ...     print(error.problem)
        the loss of step 7 is NaN or infinite
    """

    def __init__(self) -> None:
        self._pending: Answer | None = None

    def look(self, loss: Tensor, step: int) -> None:
        """Read the answer about the step before, then ask about this one.

        Args:
            loss: scalar on any device.
            step: its number, for the message.

        Raises:
            NonFiniteError: code L01, about the step before.
        """
        self.read()
        if loss.is_cpu:
            self._pending = Answer(math.isfinite(loss.item()), step, None)
            return
        finite = loss.detach().isfinite()
        arrived = None
        if finite.is_cuda:
            finite = torch.empty_like(finite, device="cpu", pin_memory=True).copy_(finite, non_blocking=True)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
        self._pending = Answer(finite, step, arrived)

    def read(self) -> None:
        """Read the answer that is still out, as at the end of an epoch.

        Raises:
            NonFiniteError: code L01.
        """
        answer, self._pending = self._pending, None
        if answer is None:
            return
        if answer.arrived is not None:
            answer.arrived.synchronize()
        if not answer.finite:
            remedy = "a smaller learning rate, gradient clipping, or trainer=cpu to see which example it is"
            raise NonFiniteError("L01", f"the loss of step {answer.step} is NaN or infinite", remedy)
