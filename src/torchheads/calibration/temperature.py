"""The calibrator that divides the logits by one number.

m rows (examples or positions), c classes.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchheads.buffers import constant
from torchheads.calibration.base import Calibrator
from torchheads.calibration.functional import HeldOut, chunks, has_both, held_out, own_copies
from torchheads.errors import FitError, HeadConfigError
from torchheads.links import Link

LEAST, MOST = 1e-3, 1e3
"""Temperatures outside of these say that there was nothing to learn."""


class Temperature(Calibrator):
    """Divide logits of shape (m, c) by a temperature T > 0: above 1 it takes confidence back, below 1 it adds some.

    The safest calibrator: one number, learned well from a few hundred rows. It keeps the order of the classes in each
    row, and with it the argmax (neighbouring floats may become equal, but never swap). Its siblings `Vector` and
    `Platt` also move each class, which needs more rows.

        z'_c = z_c / T,    T minimises the negative log-likelihood of the held-out rows

    Args:
        per_class: learn one temperature for each class, which only a sigmoid head allows. It keeps the order of the
            rows in each class. A class whose rows are all right or tell nothing keeps T = 1 and is listed.

    Raises:
        HeadConfigError: code H24, for a temperature per class on a softmax head.
        FitError: codes F01 (used before it is fitted), F02, F03 and Z02 (nothing to fit on), Z04 (no T in
            0.001 < T < 1000 is best, as where every row is right already, or the logits tell nothing).

    Example:
        >>> from torchheads.links import SIGMOID
        >>> calibrator = Temperature()
        >>> calibrator.bind(num_classes=1, link=SIGMOID)
        >>> logits, right = torch.tensor([2.0, 2.0, 2.0, -2.0]), torch.tensor([True, True, False, False])
        >>> calibrator.fit(logits.unsqueeze(1), right.unsqueeze(1))
        >>> calibrator(torch.tensor([[2.0]]))  # right in 3 of 4 rows: ln 3
        tensor([[1.0986]])

    Source: Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks", section 4.2.
    """

    temperature: Tensor

    def __init__(self, per_class: bool = False) -> None:
        super().__init__()
        self.per_class = per_class
        self.hold(temperature=constant([]))

    def bind(self, num_classes: int, link: Link) -> None:
        """Make room for one temperature a class; code H24 for one of its own each under a softmax."""
        if self.per_class and not link.judges_alone:
            problem = f"Temperature(per_class=True) for a {link.name} head, whose classes share one distribution"
            raise HeadConfigError("H24", problem, "calibration.per_class=false, or calibration=vector")
        super().bind(num_classes, link)
        self.hold(temperature=constant([1.0] * num_classes))

    @torch.no_grad()
    def fit(
        self, logits: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> None:
        """Learn T from held-out rows.

        Raises:
            FitError: codes F02, F03, Z02 and Z04, as the class says.
        """
        rows = held_out(logits, target, known, self.num_classes)
        groups = self.num_classes if self.per_class else 1
        found = constant(best_temperatures(self.link, rows, groups), torch.float64)
        learned = (found > LEAST) & (found < MOST)
        if not learned.any():
            raise no_temperature(found, rows)
        temperature = found.where(learned, 1).expand(self.num_classes)
        self.keep(rows, learned.expand(self.num_classes).clone(), groups, temperature=temperature.clone())

    def forward(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Logits by temperature, shape (m, c)."""
        self.check_fitted()
        return (logits / self.temperature.to(logits.dtype)).where(self.learned, logits)

    def extra_repr(self) -> str:
        """The constructor's argument, the temperature, and what `Calibrator` says."""
        ends = dict.fromkeys(f"{number:.4g}" for number in self.temperature.aminmax()) if self.fitted else {}
        shown = [f"temperature={' to '.join(ends)}"] if ends else []
        return ", ".join([f"per_class={self.per_class}", super().extra_repr(), *shown])


def best_temperatures(link: Link, rows: HeldOut, groups: int) -> list[float]:
    """The best temperature of all classes together (``groups=1``) or of each; see `best_temperature`.

    A class that is always right, or never, has none: NaN.
    """
    if groups == 1:
        return [best_temperature(link, rows)]
    return [
        best_temperature(link, _column(rows, number)) if both else math.nan
        for number, both in enumerate(has_both(rows).tolist())
    ]


def best_temperature(link: Link, rows: HeldOut) -> float:
    """The temperature that minimises the negative log-likelihood of rows, found as the zero of its slope.

    The likelihood is convex in 1/T, so there is one minimum in log T, and the slope changes its sign there.

    Returns:
        T; 0 or infinity where it lies outside of (0.001, 1000), NaN where it was not found.

    Example:
        >>> from torchheads.links import SIGMOID
        >>> logits, target = torch.tensor([[1.0], [1.0], [-1.0]]), torch.tensor([[True], [False], [False]])
        >>> round(best_temperature(SIGMOID, HeldOut(logits, target, None)), 6)  # right in 2 of 3 rows: 1 / ln 2
        1.442695
    """
    from scipy.optimize import brentq  # type: ignore[import-untyped]

    pieces = list(chunks(rows))
    with torch.inference_mode(False), torch.enable_grad():  # the caller's logits may come from either

        def slope(log_temperature: float) -> float:
            at = torch.tensor(log_temperature, dtype=torch.float64, requires_grad=True)
            return sum(float(torch.autograd.grad(cost(piece, at), at)[0]) for piece in pieces) / len(rows.logits)

        def cost(piece: HeldOut, at: Tensor) -> Tensor:
            logits, target, known = own_copies(piece)
            return link.nll(logits / at.exp().to(logits.device), target, known).sum()

        low, high = math.log(LEAST), math.log(MOST)
        if not slope(high) > 0:
            return math.inf
        if not slope(low) < 0:
            return 0.0
        root, report = brentq(slope, low, high, xtol=1e-12, full_output=True, disp=False)
    return math.exp(root) if report.converged else math.nan


def no_temperature(found: Tensor, rows: HeldOut) -> FitError:
    """The error, code Z04, that says why no temperature can be learned.

    Args:
        found: what `best_temperature` gave, one or one a class.
        rows: the rows of the fit.
    """
    reason = "the search for the best temperature did not converge"
    if (found == 0).any():
        reason = "the smaller the temperature the better, as where every row is right already"
    if torch.isinf(found).any():
        reason = (
            "the larger the temperature the better, since the logits tell nothing about the labels, or the opposite"
        )
    problem = f"no temperature in {LEAST} < T < {MOST:g} can be learned from {len(rows.logits)} held-out rows: {reason}"
    return FitError("Z04", problem, "calibration=identity, or a larger calibration split (data.calibration_share=0.2)")


def _column(rows: HeldOut, number: int) -> HeldOut:
    """The known rows of one class, shape (n, 1)."""
    chosen = slice(None) if rows.known is None else rows.known[:, number]
    return HeldOut(rows.logits[chosen, number : number + 1], rows.target[chosen, number : number + 1], None)
