"""One example's logits through both heads: every number that softmax and sigmoid make of them, and both decisions.

n = 1 example, c classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.decisions import Threshold
from torchheads.heads import SigmoidHead, SoftmaxHead


class Row(NamedTuple):
    """What the two heads make of one class."""

    name: str
    logit: float
    exp: float
    softmax: float
    score: float
    sigmoid: float
    is_the_one: bool
    is_in_the_set: bool


class Spreadsheet(NamedTuple):
    """The rows of all classes, and the threshold of the set: the cut on the logit and its probability."""

    rows: tuple[Row, ...]
    cut: float
    cut_probability: float

    @property
    def one(self) -> str:
        """The class that the softmax head decides for."""
        return next(row.name for row in self.rows if row.is_the_one)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The classes that the sigmoid head decides for; perhaps none."""
        return tuple(row.name for row in self.rows if row.is_in_the_set)


def spreadsheet(
    names: Sequence[str],
    logits: Float[Tensor, "1 c"],
    threshold: float | None = None,
    space: Literal["probability", "logit"] = "probability",
) -> Spreadsheet:
    """Put one example's logits through a SoftmaxHead and a SigmoidHead.

    Args:
        names: one name a class, C >= 2.
        logits: shape (1, C), finite.
        threshold: of the sigmoid's set; None is a probability of 0.5.
        space: "probability", or "logit" for a threshold on the raw output.

    Raises:
        HeadConfigError: code H01 for fewer than two classes, H03 for a threshold that cannot be, H19 for names that are
            not one a class.

    Example:
        >>> sheet = spreadsheet(["cat", "dog", "cow", "zebra"], torch.tensor([[2.1, 4.0, 3.2, -1.0]]), 3.0, "logit")
        >>> sheet.one, sheet.chosen
        ('dog', ('dog', 'cow'))
    """
    size = len(names)
    rule = Threshold() if threshold is None else Threshold(threshold, space)
    softmax = SoftmaxHead(size, size, classifier=nn.Identity(), class_names=names)
    sigmoid = SigmoidHead(size, size, classifier=nn.Identity(), class_names=names, decision=rule)
    columns = (
        logits,
        logits.double().exp(),  # in float64, where it overflows only above 709
        softmax.probabilities(logits),
        softmax.scores(logits),
        sigmoid.probabilities(logits),
        torch.arange(size).unsqueeze(0) == softmax.predict(logits),
        sigmoid.predict(logits),
    )
    cells = zip(*(column[0].tolist() for column in columns), strict=True)
    rows = tuple(Row(name, *row) for name, row in zip(names, cells, strict=True))
    cut = rule.cut.unsqueeze(0)
    return Spreadsheet(rows, cut[0, 0].item(), sigmoid.probabilities(cut)[0, 0].item())
