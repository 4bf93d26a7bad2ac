"""The calibrator that fits a rising step curve to each class alone.

m rows (examples or positions), c classes, k knots of the longest curve, n known rows of one class.
"""

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.buffers import constant
from torchheads.calibration.base import Calibrator
from torchheads.calibration.functional import each_column, from_log_odds, held_out
from torchheads.links import Link


class Isotonic(Calibrator):
    """Any rising curve from the log-odds of a class to its probability; shape (m, c) in and out.

    Use it where the curve has a bend that `Platt` cannot follow and there are many rows (a thousand or more a class):
    it learns every step it sees. Classes and rows that stood apart can become equal, so ranks may tie.

        p'_c = f_c(s_c), clipped to [1/(2n), 1 - 1/(2n)];    f_c rises, is linear between its knots and flat beyond

    f_c is scikit-learn's isotonic regression of the n known rows of class c; clipped, because no n rows can show that a
    thing never happens. Under a softmax each class is fitted against the rest and the probabilities are renormalised to
    sum to 1, so the argmax may change. Log-odds that are infinite stay so. A class with no right or no wrong row keeps
    its log-odds, as does every class for which the curve would raise the negative log-likelihood of the rows it was
    fitted on (under a softmax all of them); `kept_identity` lists them.

    Raises:
        FitError: codes F01 (used before it is fitted), F02, F03 and Z02 (nothing to fit on).

    Example:
        >>> from torchheads.links import SIGMOID
        >>> calibrator = Isotonic()
        >>> calibrator.bind(num_classes=1, link=SIGMOID)
        >>> logits = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]])
        >>> calibrator.fit(logits, torch.tensor([[False], [True], [False], [True]]))
        >>> calibrator(torch.tensor([[-2.0], [0.0], [1.5], [9.0]])).sigmoid().flatten()  # 1/8, 1/2, between, 7/8
        tensor([0.1250, 0.5000, 0.7500, 0.8750])

    Source: Zadrozny and Elkan (2002), "Transforming classifier scores into accurate multiclass probability estimates".
    """

    knots: Tensor  # (c, k), rising; the last one repeated where a curve has fewer
    chance: Tensor  # (c, k), the probability there
    complement: Tensor  # (c, k), 1 - chance, which float32 could not hold next to 1
    least: Tensor  # (c,), 1 / (2n)

    def __init__(self) -> None:
        super().__init__()
        self.hold(**dict.fromkeys(("knots", "chance", "complement"), constant([]).view(0, 1)), least=constant([]))

    def bind(self, num_classes: int, link: Link) -> None:
        """Make room for one curve a class."""
        super().bind(num_classes, link)
        half = constant([[0.5]] * num_classes)
        self.hold(knots=torch.zeros_like(half), chance=half, complement=half.clone(), least=half[:, 0].clone())

    @torch.no_grad()
    def fit(
        self, logits: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> None:
        """Learn the curves from held-out rows; entries that are not known are left out.

        Raises:
            FitError: codes F02, F03 and Z02, as the class says.
        """
        rows = held_out(logits, target, known, self.num_classes)
        scores = self.link.scores(rows.logits).float()  # knots are kept in float32: fit to what is kept
        curves = each_column(scores, rows, fit_curve)
        known = torch.tensor(len(scores)) if rows.known is None else rows.known.sum(dim=0)
        least = (1 / (2 * known.clamp(min=1))).expand(self.num_classes).contiguous()
        learned = torch.tensor([curve is not None for curve in curves])
        length = max(curve.shape[1] for curve in curves if curve is not None)
        nothing = torch.tensor([[0.0], [0.5], [0.5]], dtype=torch.float64)
        filled = [padded(nothing if curve is None else curve, length) for curve in curves]
        knots, chance, complement = torch.stack(filled, dim=1)
        groups = self.num_classes if self.link.judges_alone else 1
        self.keep(rows, learned, groups, knots=knots, chance=chance, complement=complement, least=least)

    def forward(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Logits of the curves, shape (m, c)."""
        self.check_fitted()
        scores = self.link.scores(logits)
        curves = (each.to(scores.dtype) for each in (self.knots, self.chance, self.complement, self.least))
        log_odds = interpolated(scores, *curves).where(scores.isfinite() & self.learned, scores)
        return from_log_odds(self.link, log_odds, logits, self.learned)

    def make_room(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        """Take on the number of knots of the state about to be loaded."""
        for name in ("knots", "chance", "complement"):
            own, loaded = self._buffers[name], state_dict[prefix + name]
            if own is not None and loaded.ndim == 2 and len(loaded) == len(own):
                self._buffers[name] = own.new_zeros(loaded.shape)


def fit_curve(scores: Float64[Tensor, "n"], outcome: Float64[Tensor, "n"]) -> Float64[Tensor, "3 k"]:
    """Knots of the isotonic regression of outcomes on scores: scores, probabilities, their complements; shape (3, k).

    Args:
        scores: shape (n,).
        outcome: 1 where right, 0 where wrong, shape (n,).

    Example:
        >>> fit_curve(torch.tensor([0.0, 1.0], dtype=torch.float64), torch.tensor([0.0, 1.0], dtype=torch.float64))
        tensor([[0., 1.],
                [0., 1.],
                [1., 0.]], dtype=torch.float64)
    """
    from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]

    limit = torch.finfo(torch.float32).max  # log-odds of huge logits are infinite
    fitted = IsotonicRegression(out_of_bounds="clip").fit(scores.clamp(-limit, limit).numpy(), outcome.numpy())
    knots, chance = (torch.from_numpy(each) for each in (fitted.X_thresholds_, fitted.y_thresholds_))
    return torch.stack([knots, chance, 1 - chance])


def padded(curve: Float64[Tensor, "3 j"], length: int) -> Float64[Tensor, "3 k"]:
    """A curve of ``length`` knots, the last one repeated, shape (3, k).

    Example:
        >>> padded(torch.tensor([[1.0, 2.0]] * 3, dtype=torch.float64), 3)[0].tolist()
        [1.0, 2.0, 2.0]
    """
    return torch.cat([curve, curve[:, -1:].expand(3, length - curve.shape[1])], dim=1)


def interpolated(
    scores: Float[Tensor, "m c"],
    knots: Float[Tensor, "c k"],
    chance: Float[Tensor, "c k"],
    complement: Float[Tensor, "c k"],
    least: Float[Tensor, "c"],
) -> Float[Tensor, "m c"]:
    """Log-odds of the curve of each class, linear in the probability between its knots, flat beyond; shape (m, c).

    Args:
        scores: shape (m, c).
        knots: rising scores, shape (c, k).
        chance: the probability at each knot, shape (c, k).
        complement: one minus it, shape (c, k).
        least: how near the probability may come to 0 and 1, in (0, 1/2], shape (c,).

    Example:
        >>> knots, chance = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.2, 0.8]])
        >>> curve = knots, chance, 1 - chance, torch.tensor([0.25])
        >>> interpolated(torch.tensor([[0.5], [0.75], [7.0]]), *curve).sigmoid().flatten()
        tensor([0.5000, 0.6500, 0.7500])
    """
    at = scores.T.contiguous().clamp(knots[:, :1], knots[:, -1:])
    left = (torch.searchsorted(knots, at, right=True) - 1).clamp(min=0)
    right = (left + 1).clamp(max=knots.shape[1] - 1)
    start, width = knots.gather(1, left), knots.gather(1, right) / 2 - knots.gather(1, left) / 2  # halves: no overflow
    share = ((at / 2 - start / 2) / width).where(width > 0, 0)
    p, q = (_between(values, left, right, share) for values in (chance, complement))
    p, q = (each.clamp(least.unsqueeze(1), 1 - least.unsqueeze(1)) for each in (p, q))
    return (p.log() - q.log()).T


def _between(values: Tensor, left: Tensor, right: Tensor, share: Tensor) -> Tensor:
    """Values part of the way from one knot to the next; never beyond it, so that a rising curve rises in floats too."""
    start, end = values.gather(1, left), values.gather(1, right)
    between = start + share * (end - start)
    return between.clamp(torch.minimum(start, end), torch.maximum(start, end))
