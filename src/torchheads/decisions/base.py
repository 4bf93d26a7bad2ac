"""What a head asks of its decision rule: scores in, predictions out.

m rows (examples or positions), c classes.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from torchheads.buffers import ExactBuffers, constant, take_numbers
from torchheads.decisions.functional.answers import logit
from torchheads.errors import HeadConfigError


class DecisionRule(ExactBuffers, nn.Module, ABC):
    """A rule that turns scores of shape (m, c) into predictions: (m,) int64 for one class, (m, c) bool for a set.

    A rule is configuration and, once fitted, learned state. Loading a state dict gives a rule the numbers saved for it;
    numbers the user named when building the rule stay as named, and numbers of another kind of rule are passed over.
    A rule that learns registers ``is_fitted`` and ``kind``, and ends `fit` with `torchheads.buffers.mark_fitted`.
    """

    label_type: Literal["single", "multi"]
    suggestion: str  # the rule to use instead on data of the other label type

    #: True where the user named the rule's numbers, which then win over a loaded state.
    named: bool = False
    fitted_on: Literal["holdout", "crossfit"] = "holdout"
    folds: int = 0  # of a crossfit
    learned_on: Literal["holdout", "crossfit"] | None = None  # by the last fit, whatever ``fitted_on`` asks for
    taken_for: int | None = None  # number of classes of the head that took the rule

    @property
    def fitted(self) -> bool:
        """Whether the rule may be used; True for a rule that has nothing to fit."""
        return True

    @property
    def meaning(self) -> str:
        """The options that say what learned numbers mean: a state learned with others is not taken."""
        return ""

    @property
    def in_force(self) -> "DecisionRule | None":
        """What metrics decide by: the rule itself once it is fitted; until then nothing, unless the rule says what."""
        return self if self.fitted else None

    @property
    def promises(self) -> bool:
        """Whether what the rule says holds with a probability, which takes rows that nothing else was fitted on."""
        return False

    def bind(self, num_classes: int) -> None:
        """Learn the number of classes; called once by the head that takes the rule.

        Raises:
            HeadConfigError: code H03, when the rule does not fit so many classes.
        """

    def take(self, num_classes: int, natural: "type[DecisionRule]") -> None:
        """Bind the rule to a head of C classes; a rule that already serves a head of another C is refused.

        Binding it again would silently change what the first head answers.

        Args:
            num_classes: C.
            natural: the rule that the head would decide by if none were chosen, which is of its label type.

        Raises:
            HeadConfigError: code H03, for a rule of the other label type too.
        """
        if self.label_type != natural.label_type:
            name = type(self).__name__
            problem = f"{name} decides on label type {self.label_type!r}, the data are {natural.label_type!r}"
            raise HeadConfigError("H03", problem, self.suggestion)
        if self.taken_for not in (None, num_classes):
            problem = f"this {type(self).__name__} decides for a head of {self.taken_for} classes, not of {num_classes}"
            raise HeadConfigError("H03", problem, f"a {type(self).__name__} of its own for each head")
        self.bind(num_classes)
        self.taken_for = num_classes

    def fit(
        self,
        scores: Float[Tensor, "m c"],
        target: Bool[Tensor, "m c"],
        known: Bool[Tensor, "m c"] | None = None,
        calibrated: bool = False,
    ) -> None:
        """Learn from held-out rows; a rule with nothing to learn stays as it is.

        Args:
            scores: shape (m, c).
            target: label sets of shape (m, c); one label a row on single-label data.
            known: False where it is not known whether the label is right, shape (m, c); None for everything.
            calibrated: whether the scores come from a fitted calibrator, so that they may be taken at their word.
        """

    def abstains(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m"]:
        """Which rows the rule does not answer, shape (m,); none of them unless the rule says otherwise."""
        return torch.zeros_like(scores[:, 0], dtype=torch.bool)

    @abstractmethod
    def forward(self, scores: Float[Tensor, "m c"]) -> Tensor:
        """Predictions for scores of shape (m, c)."""

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        take_numbers(self, state_dict, prefix, keep_own=self.named)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)  # type: ignore[no-untyped-call]


def check_threshold(value: float, space: str) -> float:
    """A threshold in probability or logit space, as a cut in score space.

    Raises:
        HeadConfigError: code H03, for what is no number, a probability outside [0, 1], NaN, or an unknown space.
    """
    value = one_number(value)
    if space not in ("probability", "logit"):
        raise HeadConfigError("H03", f"space={space!r}; allowed 'probability', 'logit'", "space=logit")
    if math.isnan(value):
        raise HeadConfigError("H03", f"threshold nan in {space} space; allowed a number", "0.5")
    if space == "logit":
        return value
    if not 0 <= value <= 1:
        problem = f"threshold {value} in probability space; allowed 0..1"
        raise HeadConfigError("H03", problem, 'space="logit" for a threshold on the raw output (decision.space=logit)')
    return logit(value)


def plain_numbers(value: float | Sequence[float] | Tensor) -> float | list[float]:
    """One number as a float, several as a list of floats; numbers of numpy and tensors too.

    Raises:
        HeadConfigError: code H03, for anything else.

    Example:
        >>> import torch
        >>> plain_numbers(torch.tensor([0.5, 0.25]))
        [0.5, 0.25]
    """
    numbers: Any = value.tolist() if isinstance(value, Tensor) else value
    try:
        if isinstance(numbers, str | bool):
            raise TypeError
        return float(numbers) if isinstance(numbers, Real) else [float(number) for number in numbers]
    except (TypeError, ValueError, OverflowError):
        raise HeadConfigError("H03", f"threshold {value!r}; allowed one number, or one a class", "0.5") from None


def one_number(value: float) -> float:
    """One number as a float, that of a tensor too; code H03 for anything else."""
    number = plain_numbers(value)
    if isinstance(number, list):
        raise HeadConfigError("H03", f"threshold {value!r}; allowed one number for all classes", "0.5")
    return number


def score_buffer(cuts: list[float]) -> Tensor:
    """Cuts in score space as a float32 tensor of shape (c,)."""
    return constant(cuts)
