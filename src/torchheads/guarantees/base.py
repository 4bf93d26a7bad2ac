"""What a head asks of its guarantee: scores in, sets of classes out, whose errors stay below a level.

m rows (examples or positions), c classes.
"""

import math
from abc import ABC, abstractmethod
from numbers import Real
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor, nn

from torchheads.buffers import ExactBuffers, constant, mark_fitted, take_numbers
from torchheads.errors import FitError, HeadConfigError
from torchheads.fitting import CALIBRATE, check_held_out


class Guarantee(ExactBuffers, nn.Module, ABC):
    """A rule fitted on held-out rows, whose promise holds for new rows like these, whatever the model.

    It answers beside the decision (`ClassificationHead.prediction_set`) and leaves `ClassificationHead.predict` alone.
    What is learned are buffers, one number a class and how many rows it was learned from, which are saved and loaded
    with the head. A child implements `fit`, which ends with `learn`, and `forward`, which begins with `check_fitted`.
    """

    label_type: ClassVar[str]
    suggestion: ClassVar[str]  # the guarantee to use instead on data of the other label type
    num_classes: int = 0

    limit: Tensor
    num_rows: Tensor
    is_fitted: Tensor
    kind: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("limit", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("num_rows", torch.tensor(0))
        self.register_buffer("is_fitted", torch.tensor(False))
        self.register_buffer("kind", constant(0, torch.int64))

    @property
    def fitted(self) -> bool:
        """Whether `fit` was called or a fitted state was loaded."""
        return self.is_fitted.device.type != "meta" and bool(self.is_fitted)

    @property
    def meaning(self) -> str:
        """The options that say what was promised: a state learned with others is not taken."""
        return ""

    def bind(self, num_classes: int) -> None:
        """Make room for one number a class; called once by the head that takes the guarantee. What was learned stays.

        Raises:
            HeadConfigError: code H03, for a guarantee that was fitted for a head of other classes.
        """
        if self.fitted and self.limit.shape != (num_classes,):
            problem = f"this {type(self).__name__} was fitted for {len(self.limit)} classes, not for {num_classes}"
            raise HeadConfigError("H03", problem, f"a {type(self).__name__} of its own for each head")
        if not self.fitted:
            self.limit = torch.zeros(num_classes, dtype=torch.float64)
        self.num_classes = num_classes

    @abstractmethod
    def fit(
        self, scores: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> None:
        """Learn from held-out scores (m, c) and label sets (m, c); ``known`` is False where a label is not known."""

    @abstractmethod
    def forward(self, scores: Float[Tensor, "m c"]) -> Bool[Tensor, "m c"]:
        """The set of each row, shape (m, c)."""

    def held_out(self, scores: Tensor, target: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Scores, label sets and what of them is known, all (m, c), without the rows of which nothing is known.

        Raises:
            FitError: code F02, without any row; F03, when they do not fit.
        """
        check_held_out(scores, target, known, self.num_classes)
        if known is None:
            return scores, target.bool(), torch.ones_like(scores, dtype=torch.bool)
        rows = known.any(dim=1)
        check_held_out(scores[rows], target[rows], known[rows], self.num_classes)
        return scores[rows], target[rows].bool() & known[rows], known[rows]

    def learn(self, limit: Float64[Tensor, "c"], num_rows: int) -> None:
        """Keep one number a class, shape (c,), learned from so many rows."""
        self.limit = limit.to(torch.float64)
        self.num_rows = torch.full_like(self.num_rows, num_rows, device=limit.device)
        mark_fitted(self, limit.device)

    def check_fitted(self) -> None:
        """Refuse to answer before anything was learned; code F01."""
        if not torch.compiler.is_compiling() and not self.fitted:
            problem = f"{type(self).__name__} was not fitted yet, so there are no prediction sets"
            raise FitError("F01", problem, f"head.fit_held_out(logits, target) on held-out data, or {CALIBRATE}")

    def extra_repr(self) -> str:
        """What was learned, or that nothing was."""
        if not self.fitted:
            return "not fitted"
        limits = dict.fromkeys(f"{limit:.4g}" for limit in self.limit[self.limit.isfinite()].sort().values.tolist())
        shown = f", limit {' to '.join(dict.fromkeys([*limits][:1] + [*limits][-1:]))}" if limits else ""
        endless = f", none for {int(self.limit.isinf().sum())} classes" if self.limit.isinf().any() else ""
        return f"fitted on {int(self.num_rows)} rows{shown}{endless}"

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        take_numbers(self, state_dict, prefix, keep_own=False)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)  # type: ignore[no-untyped-call]


def check_share(name: str, value: float) -> float:
    """A share strictly between 0 and 1.

    Raises:
        HeadConfigError: code H03, for anything else.

    Example:
        >>> check_share("level", 0.9)
        0.9
    """
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not (number and 0 < value < 1):
        raise HeadConfigError("H03", f"{name}={value!r}; allowed a number between 0 and 1", f"{name}=0.9")
    return float(value)


def check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Refuse an option that there is not; code H03."""
    if value not in allowed:
        problem = f"{name}={value!r:.60}; allowed {', '.join(map(repr, allowed))}"
        raise HeadConfigError("H03", problem, f"{name}={allowed[0]}")


def check_yes_no(name: str, value: object) -> bool:
    """True or False as they are; code H03 for anything else, such as the word "no", which Python takes for True.

    Example:
        >>> check_yes_no("per_label", False)
        False
    """
    if not isinstance(value, bool):
        raise HeadConfigError("H03", f"{name}={value!r:.60}; allowed True, False", f"{name}=False")
    return value
