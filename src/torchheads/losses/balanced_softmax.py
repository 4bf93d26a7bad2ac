"""The softmax whose terms are multiplied by the number of training examples, in the loss alone.

m rows (examples or positions), c classes.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from torchheads.links import LinkName
from torchheads.losses.base import Criterion, check_smoothing
from torchheads.losses.class_counts import ClassCounts
from torchheads.losses.functional import smooth_distribution
from torchheads.losses.functional_frequency import balanced_softmax
from torchheads.losses.known import row_losses_of_known


class BalancedSoftmax(Criterion):
    """Cross-entropy of n_c exp(z_c) / sum_j n_j exp(z_j): trains softmax(z) for classes of equal frequency.

    The counts are in the loss alone: predictions, scores and probabilities are those of softmax(z). `LogitAdjusted` has
    the same loss at tau = 1 and lets tau be chosen. ``train.py`` tells it the counts of the train split; start it with
    ``prior="data"``, since the constant logits of a uniform prior favour the rare classes.

    Args:
        class_counts: training examples (or shares) of each class, shape (c,); None to be told by `take_counts`.
        label_smoothing: in [0, 1).

    Raises:
        HeadConfigError: codes H35 (counts), T14 (smoothing).

    Example:
        >>> import torch
        >>> BalancedSoftmax(class_counts=[300, 100])(torch.zeros(1, 2), torch.tensor([1]))  # ln 4
        tensor([1.3863])

    Source: Ren et al. (2020), arXiv:2007.10740; see `torchheads.losses.functional_frequency.balanced_softmax`.
    """

    links = ("softmax",)
    refuses_bad_indices = True

    def __init__(self, class_counts: Sequence[float] | Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.frequencies = ClassCounts(class_counts)
        self.label_smoothing = check_smoothing(label_smoothing)

    @property
    def awaits_counts(self) -> bool:
        """Whether it was not told the counts yet."""
        return not self.frequencies.told

    def bind(self, num_classes: int, link: LinkName) -> None:
        """As every criterion's; refuses counts of another length, code H35."""
        super().bind(num_classes, link)
        self.frequencies.bind(num_classes)

    def take_counts(self, counts: Tensor, total: int | Tensor | None = None) -> None:
        """Learn the counts; code H35 for those that cannot be used."""
        self.frequencies.take(counts, total)

    def forward(self, logits: Tensor, target: Tensor, known: Tensor | None = None) -> Float[Tensor, "m"]:
        """Loss of each row, shape (m,); target is class indices (m,) or distributions (m, c).

        ``known`` of shape (m,) drops whole rows, of shape (m, c) single classes from their row.
        """
        counts, smoothing = self.frequencies.values(logits.dtype), self.label_smoothing
        return row_losses_of_known(
            lambda logits, classes: balanced_softmax(logits, target, counts, smoothing, classes), logits, known
        )

    def constant_logits(self, prior: Float[Tensor, "c"]) -> Float[Tensor, "c"]:
        """ln of the smoothed and normalised prior less ln of the counts, shape (c,)."""
        share = smooth_distribution((prior / prior.sum()).unsqueeze(0), self.label_smoothing).squeeze(0)
        counts = share.new_ones(()) if self.awaits_counts else self.frequencies.values(share.dtype)
        return (share.log() - counts.log()).log_softmax(dim=0)

    def extra_repr(self) -> str:
        """The constructor's arguments but for the counts."""
        return f"label_smoothing={self.label_smoothing}"
