"""The sigmoid loss that lets easy negatives go.

m rows (examples or positions), c classes.
"""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from torchheads.losses.base import Criterion, check_number, shown_weight, weight_buffer
from torchheads.losses.best_constants import asymmetric_constants
from torchheads.losses.functional_focal import asymmetric
from torchheads.losses.known import summed_entries_of_known


class Asymmetric(Criterion):
    """Asymmetric loss (ASL) in nats: focuses negatives more than positives, and drops those below a probability.

    For label sets in which each class is absent from most examples. Its sibling `Focal` treats both answers alike. The
    head's probabilities come out far too high: at the defaults a class given 0.5 is right in 15 of 100 examples, so a
    threshold has to be fitted or a calibrator put before it.

    Args:
        gamma_neg: >= 0, focus of the negative part.
        gamma_pos: >= 0, focus of the positive part.
        clip: in [0, 1); negatives below this probability cost nothing.
        class_weight: one weight >= 0 for all classes, or one a class, shape (c,).

    Raises:
        HeadConfigError: codes H38 (gamma_neg, gamma_pos, clip), T13 (weights).

    Example:
        >>> import torch
        >>> Asymmetric()(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))  # 0.5 ln 2 + 0.45^4 ln(1 / 0.55)
        tensor([0.3711])

    Source: Ridnik et al. (2021), arXiv:2009.14119; see `torchheads.losses.functional_focal.asymmetric`.
    """

    links = ("sigmoid",)

    class_weight: Tensor | None

    def __init__(
        self,
        gamma_neg: float = 4.0,
        gamma_pos: float = 1.0,
        clip: float = 0.05,
        class_weight: float | Sequence[float] | Tensor | None = None,
    ) -> None:
        super().__init__()
        self.gamma_neg = check_number("Asymmetric", "gamma_neg", gamma_neg, 0, math.inf, 4.0)
        self.gamma_pos = check_number("Asymmetric", "gamma_pos", gamma_pos, 0, math.inf, 1.0)
        self.clip = check_number("Asymmetric", "clip", clip, 0, 1, 0.05)
        self.register_buffer("class_weight", weight_buffer("class_weight", class_weight), persistent=False)

    def forward(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, "m"]:
        """Loss of each row, shape (m,); target is multi-hot (m, c).

        ``known`` of shape (m,) drops whole rows, of shape (m, c) single entries from the sum over classes.
        """
        options = (self.gamma_neg, self.gamma_pos, self.clip)
        weight = None if self.class_weight is None else self.class_weight.to(logits).expand(logits.shape[1])
        return summed_entries_of_known(
            lambda logits: asymmetric(logits, target, *options, weight) + (logits - logits),  # NaN for infinite ones,
            logits,  # which the clip would hide, and with it that the training has come apart
            known,
        )

    def constant_logits(self, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """Where the expected loss is least, found by bisection, shape (c,)."""
        return asymmetric_constants(prior, self.gamma_neg, self.gamma_pos, self.clip)

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        weight = f"class_weight={shown_weight(self.class_weight)}"
        return f"gamma_neg={self.gamma_neg}, gamma_pos={self.gamma_pos}, clip={self.clip}, {weight}"
