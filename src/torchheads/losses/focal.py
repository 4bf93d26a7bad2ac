"""The loss in which examples that are nearly right count little, for either head.

m rows (examples or positions), c classes.
"""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from torchheads.errors import HeadConfigError
from torchheads.links import LinkName
from torchheads.losses.base import (
    Criterion,
    check_number,
    check_smoothing,
    positive_buffer,
    shown_weight,
    weight_buffer,
)
from torchheads.losses.best_constants import binary_focal_constants, focal_constants
from torchheads.losses.functional import smooth_answers
from torchheads.losses.functional_focal import binary_focal, focal
from torchheads.losses.known import row_losses_of_known, summed_entries_of_known


class Focal(Criterion):
    """Focal loss in nats: the cross-entropy of each answer times (1 - p)^gamma, so that easy answers count little.

    The head supplies the form: of the softmax's p, or of each class's sigmoid, summed over classes. Its sibling
    `Asymmetric` focuses negatives more than positives. It leaves probabilities too close to one half: with gamma = 2 a
    class that a sigmoid gives 0.3 is right in 9 of 100 examples. Without alpha and weights the best answer of every
    example stays on its side of one half, and the softmax's argmax stays the same.

    Args:
        gamma: >= 0; 0 for the cross-entropy.
        alpha: in (0, 1), one number or one a class, shape (c,), for a sigmoid: weight of the positive part, and
            1 - alpha that of the negative one. None for neither.
        class_weight: one weight >= 0 for all classes, or one a class, shape (c,).
        pos_weight: one weight > 0 for all classes, or one a class, shape (c,), for a sigmoid's positive part.
        label_smoothing: in [0, 1).

    Raises:
        HeadConfigError: codes H38 (gamma, alpha), T13 and M08 (weights), T14 (smoothing); H24 for what only a sigmoid
            has, in a softmax head.

    Example:
        >>> import torch
        >>> Focal(gamma=2.0)(torch.zeros(1, 4), torch.tensor([2]))  # (3/4)^2 ln 4
        tensor([0.7798])

    Source: Lin et al. (2017), arXiv:1708.02002; see `torchheads.losses.functional_focal`.
    """

    links = ("softmax", "sigmoid")

    alpha: Tensor | None
    class_weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | Sequence[float] | Tensor | None = None,
        class_weight: float | Sequence[float] | Tensor | None = None,
        pos_weight: float | Sequence[float] | Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.gamma = check_number("Focal", "gamma", gamma, 0, math.inf, 2.0)
        self.register_buffer("alpha", weight_buffer("alpha", alpha, code="H38"), persistent=False)
        self.register_buffer("class_weight", weight_buffer("class_weight", class_weight), persistent=False)
        self.register_buffer("pos_weight", positive_buffer(pos_weight), persistent=False)
        if self.alpha is not None and not self.alpha.is_meta and bool(((self.alpha <= 0) | (self.alpha >= 1)).any()):
            raise HeadConfigError("H38", f"Focal got alpha={alpha!r:.60}; allowed 0 < alpha < 1", "alpha=0.25")
        self.label_smoothing = check_smoothing(label_smoothing)

    def bind(self, num_classes: int, link: LinkName) -> None:
        """As every criterion's; a softmax head has no negative part for ``alpha`` and ``pos_weight`` to weigh (H24)."""
        super().bind(num_classes, link)
        unused = [name for name in ("alpha", "pos_weight") if link == "softmax" and getattr(self, name) is not None]
        if unused:
            problem = f"Focal got {unused[0]}, which weighs yes against no, and a softmax head has no such questions"
            raise HeadConfigError("H24", problem, "class_weight=[1.0, ...], or a SigmoidHead (head=sigmoid)")

    def take_weights(self, name: str, weight: Float[Tensor, "c"]) -> None:
        """As every criterion's; beside ``alpha``, which weighs the same answers, there are none (H36)."""
        if name == "pos_weight" and self.alpha is not None:
            problem = f"Focal got alpha={shown_weight(self.alpha):.60} and weights of the data, which both weigh yes"
            raise HeadConfigError(
                "H36", f"{problem} against no; allowed one of the two", "~weights, or loss.alpha=null"
            )
        super().take_weights(name, weight)

    def forward(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, "m"]:
        """Loss of each row, shape (m,); target is class indices (m,) or distributions (m, c), or multi-hot (m, c).

        ``known`` of shape (m,) drops whole rows, of shape (m, c) single classes.
        """
        return ROWS[self.link](self, logits, target, known)

    def constant_logits(self, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """Where the expected loss is least, found by bisection, shape (c,)."""
        return CONSTANTS[self.link](self, prior)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        names = ("alpha", "class_weight", "pos_weight")
        weights = ", ".join(f"{name}={shown_weight(getattr(self, name))}" for name in names)
        return f"gamma={self.gamma}, {weights}, label_smoothing={self.label_smoothing}"


def like(weight: Tensor | None, logits: Tensor) -> Tensor | None:
    """A weight in the dtype of the logits, spread over the classes, shape (c,); None stays None."""
    return None if weight is None else weight.to(logits).expand(logits.shape[1])


def softmax_rows(criterion: Focal, logits: Tensor, target: Tensor, known: Tensor | None) -> Tensor:
    """Loss of each row of a softmax, shape (m,)."""
    gamma, weight, smoothing = criterion.gamma, like(criterion.class_weight, logits), criterion.label_smoothing
    return row_losses_of_known(
        lambda logits, classes: focal(logits, target, gamma, weight, smoothing, classes), logits, known
    )


def sigmoid_rows(criterion: Focal, logits: Tensor, target: Tensor, known: Tensor | None) -> Tensor:
    """Loss of each row of sigmoids, shape (m,)."""
    gamma, smoothing = criterion.gamma, criterion.label_smoothing
    alpha, class_weight, pos_weight = (
        like(weight, logits) for weight in (criterion.alpha, criterion.class_weight, criterion.pos_weight)
    )
    weights = (alpha, class_weight, pos_weight)
    return summed_entries_of_known(
        lambda logits: binary_focal(logits, target, gamma, *weights, smoothing), logits, known
    )


def softmax_constants(criterion: Focal, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
    """The best constant logits of a softmax, shape (c,)."""
    share = (1 - criterion.label_smoothing) * prior / prior.sum() + criterion.label_smoothing / len(prior)
    if criterion.class_weight is not None:
        weight = criterion.class_weight.to(share)
        share = share * weight.where(weight > 0, 1e-6)  # where nothing is ever paid: a small share, not ln 0
    return focal_constants(share, criterion.gamma)


def sigmoid_constants(criterion: Focal, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
    """The best constant logits of sigmoids, shape (c,)."""
    positive = smooth_answers(prior.unsqueeze(0), criterion.label_smoothing).squeeze(0)
    negative = 1 - positive
    if criterion.pos_weight is not None:
        positive = positive * criterion.pos_weight.to(prior)
    if criterion.alpha is not None:
        alpha = criterion.alpha.to(prior)
        positive, negative = alpha * positive, (1 - alpha) * negative
    return binary_focal_constants(positive, negative, criterion.gamma)


ROWS = {"softmax": softmax_rows, "sigmoid": sigmoid_rows}
CONSTANTS = {"softmax": softmax_constants, "sigmoid": sigmoid_constants}
"""The two forms, of which the head's link chooses one."""
