"""What a head asks of its calibrator: logits in, better calibrated logits out.

m rows (examples or positions), c classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

from jaxtyping import Bool, Float
from torch import Tensor, nn

from torchheads.buffers import keep_exact, take_numbers
from torchheads.links import SOFTMAX, Link


class Calibrator(nn.Module, ABC):
    """A map of logits, fitted on held-out data, that makes probabilities honest; shape (m, c) in and out.

    Training does not see it. What is learned are buffers, which are saved and loaded with the head. A child that learns
    something implements `fit` and `fitted`.
    """

    link: Link = SOFTMAX  # of the head that took the calibrator
    num_classes: int = 0

    @property
    def fitted(self) -> bool:
        """Whether the map may be used; True for one that has nothing to fit."""
        return True

    def bind(self, num_classes: int, link: Link) -> None:
        """Learn the number of classes and the link function; called once by the head that takes the calibrator."""
        self.num_classes, self.link = num_classes, link

    def fit(
        self, logits: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> None:
        """Learn from held-out logits (m, c) and label sets (m, c); ``known`` is False where a label is not known.

        The negative log-likelihood of these rows never rises: where it would, the logits stay as they are.
        """

    @abstractmethod
    def forward(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Calibrated logits, shape (m, c)."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move to another device or dtype, but keep the buffers exact."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        keep_exact(self, before)
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        take_numbers(self, state_dict, prefix, keep_own=False)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)  # type: ignore[no-untyped-call]
