"""The calibrator that fits a logistic curve to each class alone.

m rows (examples or positions), c classes, n known rows of one class.
"""

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.buffers import constant
from torchheads.calibration.base import Calibrator
from torchheads.calibration.functional import each_column, fit_line, from_log_odds, held_out, rising
from torchheads.links import Link


class Platt(Calibrator):
    """A logistic curve on the log-odds of each class, fitted to slightly smoothed outcomes; shape (m, c) in and out.

    Use it where classes are off in different ways and rows are few: the smoothing keeps the curve of a class whose rows
    are perfectly parted finite, where that of `Vector` does not exist. For a bend that a logistic curve has not, use
    `Isotonic`.

        s'_c = a_c s_c + b_c,    fitted to (n+ + 1) / (n+ + 2) where class c is right, to 1 / (n- + 2) where it is wrong

    Under a softmax each class is fitted against the rest and the probabilities are renormalised to sum to 1, so the
    argmax may change. Slopes are positive: a class whose log-odds fall where it is right more often keeps them, as does
    one with no right or no wrong row, and every class for which the curve would raise the negative log-likelihood of
    the rows it was fitted on (under a softmax all of them); `kept_identity` lists them.

    Raises:
        FitError: codes F01 (used before it is fitted), F02, F03 and Z02 (nothing to fit on).

    Example:
        >>> from torchheads.links import SIGMOID
        >>> calibrator = Platt()
        >>> calibrator.bind(num_classes=1, link=SIGMOID)
        >>> logits = torch.tensor([[9.0], [9.0], [-9.0], [-9.0]])
        >>> calibrator.fit(logits, torch.tensor([[True], [False], [True], [False]]))
        >>> calibrator.kept_identity  # the logits tell nothing
        (0,)

    Source: Platt (1999), "Probabilistic outputs for support vector machines"; one against the rest: Zadrozny and Elkan
        (2002), "Transforming classifier scores into accurate multiclass probability estimates".
    """

    slope: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.hold(slope=constant([]), offset=constant([]))

    def bind(self, num_classes: int, link: Link) -> None:
        """Make room for one curve a class."""
        super().bind(num_classes, link)
        self.hold(slope=constant([1.0] * num_classes), offset=constant([0.0] * num_classes))

    @torch.no_grad()
    def fit(
        self, logits: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> None:
        """Learn the curves from held-out rows; entries that are not known are left out.

        Raises:
            FitError: codes F02, F03 and Z02, as the class says.
        """
        rows = held_out(logits, target, known, self.num_classes)
        slope, offset, learned = rising(each_column(self.link.scores(rows.logits), rows, fit_smoothed_line))
        groups = self.num_classes if self.link.judges_alone else 1
        self.keep(rows, learned, groups, slope=slope, offset=offset)

    def forward(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Logits of the curves, shape (m, c)."""
        self.check_fitted()
        scores = self.link.scores(logits)
        log_odds = torch.addcmul(self.offset.to(scores.dtype), self.slope.to(scores.dtype), scores)
        return from_log_odds(self.link, log_odds, logits, self.learned)


def fit_smoothed_line(scores: Float64[Tensor, "n"], outcome: Float64[Tensor, "n"]) -> tuple[float, float]:
    """Slope and offset fitted to outcomes that are drawn inwards by one imagined row of each kind.

    Args:
        scores: shape (n,).
        outcome: 1 where right, 0 where wrong, shape (n,).

    Example:
        >>> outcome = torch.tensor([0, 0, 1, 1], dtype=torch.float64)
        >>> slope, offset = fit_smoothed_line(outcome, outcome)
        >>> round(slope, 4), round(offset, 4)  # goals of 1/4 at 0 and 3/4 at 1: 2 ln 3 and -ln 3
        (2.1972, -1.0986)

    Source: Platt (1999), section 2.2.
    """
    right = outcome.sum()
    wrong = len(outcome) - right
    return fit_line(scores, ((right + 1) / (right + 2)).where(outcome > 0, 1 / (wrong + 2)))
