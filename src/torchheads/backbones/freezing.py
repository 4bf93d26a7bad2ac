"""Which stages of a backbone do not train, and until when."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from torch.nn.parallel import DistributedDataParallel

from torchheads.errors import HeadConfigError

UNTIL_EPOCH = re.compile(r"until_epoch:([1-9]\d*)")


class Freezing(NamedTuple):
    """What ``backbone.freeze`` asks for; the base of all backbones carries it out.

    Attributes:
        stages: how many stages, counted from the input, do not train.
        until: the first epoch, counted from 0, in which they do; None = never.
        names: the parameters concerned, without those that did not train before.

    Example:
        >>> [Freezing(stages=5, until=2).holds(epoch) for epoch in range(4)]
        [True, True, False, False]
    """

    stages: int = 0
    until: int | None = None
    names: tuple[str, ...] = ()

    def holds(self, epoch: int) -> bool:
        """Whether the stages are frozen in an epoch, counted from 0."""
        return self.until is None or epoch < self.until


def read_freeze(freeze: Any, stages: int, owner: str) -> Freezing:
    """The option ``backbone.freeze`` in numbers.

    Args:
        freeze: None, False or 0 (nothing), True (all), a number of stages from the input, or ``"until_epoch:k"`` (all
            of them in the epochs 0 to k - 1).
        stages: how many stages there are.
        owner: the backbone, for the message.

    Raises:
        HeadConfigError: code H30, for anything else, with the number of stages.

    Example:
        >>> read_freeze("until_epoch:3", stages=5, owner="resnet18")
        Freezing(stages=5, until=3, names=())
    """
    if freeze is None or isinstance(freeze, bool):
        return Freezing(stages if freeze else 0)
    if isinstance(freeze, int) and 0 <= freeze <= stages:
        return Freezing(freeze)
    later = UNTIL_EPOCH.fullmatch(freeze) if isinstance(freeze, str) else None
    if later:
        return Freezing(stages, until=int(later[1]))
    allowed = f"null, true, a number of stages from 0 to {stages}, until_epoch:k with k from 1"
    remedy = f"backbone.freeze={stages}" if isinstance(freeze, int) else "backbone.freeze=true"
    raise HeadConfigError("H30", f"backbone.freeze={freeze!r}; {owner} has {stages} stages; allowed {allowed}", remedy)


def check_distributed(freezing: Freezing, wrapped: object) -> None:
    """Refuse ``until_epoch`` under a DDP that waits for every gradient: frozen stages have none, and the second step
    would fail.

    Args:
        freezing: of the backbone.
        wrapped: what runs the training step; anything but torch's DDP is fine.

    Raises:
        HeadConfigError: code H33.
    """
    waits = isinstance(wrapped, DistributedDataParallel) and not wrapped.find_unused_parameters
    if waits and freezing.until is not None:
        problem = f"backbone.freeze=until_epoch:{freezing.until} under DDP that waits for the gradient of each weight"
        raise HeadConfigError("H33", problem, "trainer.strategy=ddp_find_unused_parameters_true")
