"""Each class judged alone against a threshold known beforehand.

m rows (examples or positions), c classes.
"""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor

from torchheads.decisions.base import DecisionRule, check_threshold, plain_numbers, score_buffer
from torchheads.decisions.functional.answers import above
from torchheads.errors import HeadConfigError


class Threshold(DecisionRule):
    """Every class whose score reaches the threshold, shape (m, c) bool; equality counts as positive.

    For a threshold learned from held-out data use `FittedThreshold`.

    Args:
        value: one number, or one a class; None is 0.5, and gives way to a loaded state where a named value does not.
        space: "probability", or "logit" for a threshold on the (calibrated) raw output.

    Raises:
        HeadConfigError: code H03, for a probability outside [0, 1], NaN, or a list of the wrong length.

    Example:
        >>> import torch
        >>> rule = Threshold(3.0, space="logit")
        >>> rule.bind(num_classes=4)
        >>> rule(torch.tensor([[2.1, 4.0, 3.2, -1.0]]))  # cat, dog, cow, zebra
        tensor([[False,  True,  True, False]])
    """

    label_type = "multi"
    suggestion = "Argmax() (decision=argmax)"

    cut: Tensor

    def __init__(
        self,
        value: float | Sequence[float] | Tensor | None = None,
        space: Literal["probability", "logit"] = "probability",
    ) -> None:
        super().__init__()
        self.named = value is not None
        self.value = plain_numbers(0.5 if value is None else value)
        self.space = space
        values = self.value if isinstance(self.value, list) else [self.value]
        self.register_buffer("cut", score_buffer([check_threshold(number, space) for number in values]))

    def bind(self, num_classes: int) -> None:
        """Spread one number over all classes; refuse a list of another length (HeadConfigError, code H03)."""
        if not isinstance(self.value, list):
            self.cut = self.cut[:1].expand(num_classes).clone()
        elif self.cut.shape != (num_classes,):
            problem = f"{self.cut.numel()} thresholds for {num_classes} classes; allowed one, or one a class"
            raise HeadConfigError("H03", problem, "decision.value=0.5")

    def forward(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m c"]:
        """Sets as a mask, shape (m, c)."""
        return above(scores, self.cut)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"value={self.value}, space={self.space!r}"
