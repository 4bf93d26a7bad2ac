"""The softmax loss that gives frequent classes a start, so that the logits need not learn frequency.

m rows (examples or positions), c classes.
"""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from torchheads.links import LinkName
from torchheads.losses.base import Criterion, check_number, check_smoothing
from torchheads.losses.class_counts import ClassCounts
from torchheads.losses.functional import smooth_distribution
from torchheads.losses.functional_frequency import logit_adjusted
from torchheads.losses.known import row_losses_of_known


class LogitAdjusted(Criterion):
    """Softmax cross-entropy of logits plus tau ln prior: trains the argmax for the balanced error.

    The adjustment is in the loss alone. Predictions, scores and probabilities are those of the logits as they are: of
    classes as if they were equally frequent. `BalancedSoftmax` is the same with tau = 1. ``train.py`` tells it the
    frequencies of the train split; start it with ``prior="data"``, since the constant logits of a uniform prior favour
    the rare classes.

    Args:
        tau: >= 0; 1 for the balanced error, 0 for the cross-entropy.
        class_counts: training examples (or shares) of each class, shape (c,); None to be told by `take_counts`.
        label_smoothing: in [0, 1).

    Raises:
        HeadConfigError: codes H35 (counts), H38 (tau), T14 (smoothing).

    Example:
        >>> import torch
        >>> LogitAdjusted(class_counts=[300, 100])(torch.zeros(1, 2), torch.tensor([1]))  # ln 4
        tensor([1.3863])

    Source: Menon et al. (2021), arXiv:2007.07314; see `torchheads.losses.functional_frequency.logit_adjusted`.
    """

    links = ("softmax",)
    refuses_bad_indices = True

    def __init__(
        self,
        tau: float = 1.0,
        class_counts: Sequence[float] | Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.tau = check_number("LogitAdjusted", "tau", tau, 0, math.inf, 1.0)
        self.frequencies = ClassCounts(class_counts)
        self.label_smoothing = check_smoothing(label_smoothing)

    @property
    def awaits_counts(self) -> bool:
        """Whether it was not told the class frequencies yet."""
        return not self.frequencies.told

    def bind(self, num_classes: int, link: LinkName) -> None:
        """As every criterion's; refuses counts of another length, code H35."""
        super().bind(num_classes, link)
        self.frequencies.bind(num_classes)

    def take_counts(self, counts: Tensor, total: int | Tensor | None = None) -> None:
        """Learn the class frequencies; code H35 for counts that cannot be used."""
        self.frequencies.take(counts, total)

    def forward(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, "m"]:
        """Loss of each row, shape (m,); target is class indices (m,) or distributions (m, c).

        ``known`` of shape (m,) drops whole rows, of shape (m, c) single classes from their row.
        """
        counts, tau, smoothing = self.frequencies.values(logits.dtype), self.tau, self.label_smoothing
        prior = counts / counts.sum()
        return row_losses_of_known(
            lambda logits, classes: logit_adjusted(logits, target, prior, tau, smoothing, classes), logits, known
        )

    def constant_logits(self, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """ln of the smoothed and normalised prior less tau ln of the training frequencies, shape (c,)."""
        share = smooth_distribution((prior / prior.sum()).unsqueeze(0), self.label_smoothing).squeeze(0)
        counts = share.new_ones(()) if self.awaits_counts else self.frequencies.values(share.dtype)
        return (share.log() - self.tau * counts.log()).log_softmax(dim=0)

    def extra_repr(self) -> str:
        """The constructor's arguments but for the counts."""
        return f"tau={self.tau}, label_smoothing={self.label_smoothing}"
