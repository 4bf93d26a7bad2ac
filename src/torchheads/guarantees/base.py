"""What a head asks of its guarantee: scores in, sets of classes out, whose errors stay below a level.

m rows (examples or positions), c classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

from jaxtyping import Bool, Float
from torch import Tensor, nn

from torchheads.buffers import keep_exact, take_numbers


class Guarantee(nn.Module, ABC):
    """A rule fitted on held-out rows, whose promise holds for new rows like these, whatever the model.

    It answers beside the decision (`ClassificationHead.prediction_set`) and leaves `ClassificationHead.predict` alone.
    What is learned are buffers, which are saved and loaded with the head.
    """

    label_type: ClassVar[str]
    suggestion: ClassVar[str]  # the guarantee to use instead on data of the other label type
    num_classes: int = 0

    @property
    @abstractmethod
    def fitted(self) -> bool:
        """Whether `fit` was called or a fitted state was loaded."""

    def bind(self, num_classes: int) -> None:
        """Learn the number of classes; called once by the head that takes the guarantee."""
        self.num_classes = num_classes

    @abstractmethod
    def fit(
        self, scores: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> None:
        """Learn from held-out scores (m, c) and label sets (m, c); ``known`` is False where a label is not known."""

    @abstractmethod
    def forward(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m c"]:
        """The set of each row, shape (m, c)."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move to another device or dtype, but keep the buffers exact."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        keep_exact(self, before)
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        take_numbers(self, state_dict, prefix, keep_own=False)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)  # type: ignore[no-untyped-call]
