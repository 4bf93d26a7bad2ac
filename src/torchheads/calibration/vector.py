"""The calibrator that stretches and shifts each class.

m rows (examples or positions), c classes, n known rows of one class.
"""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from torchheads.buffers import constant
from torchheads.calibration.base import Calibrator
from torchheads.calibration.functional import (
    HeldOut,
    chunks,
    each_column,
    fit_line,
    held_out,
    overlap,
    own_copies,
    rising,
)
from torchheads.errors import FitError
from torchheads.links import Link

MOST = 1e3
"""Slopes reach from 1 / MOST to MOST, as temperatures do."""


class Vector(Calibrator):
    """A slope and an offset for each class, fitted to the outcomes as they are; shape (m, c) in and out.

    Use it where some classes are over- and others under-confident and there are many rows of each (a hundred or more);
    with fewer take `Temperature`, or `Platt`, which smooths.

        sigmoid:  z'_c = w_c z_c + b_c,           each class alone (a logistic regression)
        softmax:  z'_c = w_c (z_c - mean z) + b_c,  all classes together; sum_c b_c = 0

    Both minimise the negative log-likelihood. Subtracting the mean of the row keeps what a softmax promises: a constant
    added to a row of logits changes nothing. Slopes are positive (0.001 < w < 1000). Under a softmax the argmax may
    change. What cannot be learned is not guessed, and `kept_identity` lists it: under a sigmoid a class without right
    or wrong rows, one whose rows a cut parts without error (no finite optimum), or whose logits fall where it is right
    more often, keeps its logits; under a softmax a class that is never right gets the mean slope of the others and no
    offset.

    Raises:
        FitError: codes F01 (used before it is fitted), F02, F03 and Z02 (nothing to fit on), Z04 (no finite optimum:
            no class of a sigmoid has one, or a softmax answers every row right).

    Example:
        >>> from torchheads.links import SIGMOID
        >>> calibrator = Vector()
        >>> calibrator.bind(num_classes=1, link=SIGMOID)
        >>> logits = torch.tensor([[1.0], [1.0], [1.0], [1.0], [0.0], [0.0]])
        >>> calibrator.fit(logits, torch.tensor([[True], [True], [True], [False], [True], [False]]))
        >>> calibrator(torch.tensor([[1.0], [0.0]])).round(decimals=4).abs()  # right in 3 of 4 and 1 of 2: ln 3 and 0
        tensor([[1.0986],
                [0.0000]])

    Source: Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks", section 4.2.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.hold(weight=constant([]), bias=constant([]))

    def bind(self, num_classes: int, link: Link) -> None:
        """Make room for a slope and an offset a class."""
        super().bind(num_classes, link)
        self.hold(weight=constant([1.0] * num_classes), bias=constant([0.0] * num_classes))

    @torch.no_grad()
    def fit(
        self, logits: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> None:
        """Learn slopes and offsets from held-out rows.

        Raises:
            FitError: codes F02, F03, Z02 and Z04, as the class says.
        """
        rows = held_out(logits, target, known, self.num_classes)
        alone = self.link.judges_alone
        weight, bias, learned = fit_alone(rows) if alone else fit_together(self.link, rows)
        self.keep(rows, learned, self.num_classes if alone else 1, weight=weight, bias=bias)

    def forward(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Stretched and shifted logits, shape (m, c)."""
        self.check_fitted()
        weight, bias = self.weight.to(logits.dtype), self.bias.to(logits.dtype)
        if self.link.judges_alone:
            return torch.addcmul(bias, weight, logits).where(self.learned, logits)
        return torch.addcmul(bias, weight, centred(logits)).where(self.learned.any(), logits)


def centred(logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
    """Logits minus the mean of those of their row that are not ruled out (-inf), shape (m, c).

    Example:
        >>> centred(torch.tensor([[3.0, 1.0, -torch.inf]]))
        tensor([[ 1., -1., -inf]])
    """
    ruled_out = logits == -math.inf
    kept = logits.masked_fill(ruled_out, 0)
    return logits - kept.sum(dim=1, keepdim=True) / (~ruled_out).sum(dim=1, keepdim=True)


def fit_alone(rows: HeldOut) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes, offsets and which classes have them, (c,) each, by one logistic regression a class.

    Raises:
        FitError: code Z04, when no class has a finite optimum with a positive slope.
    """
    weight, bias, learned = rising(each_column(rows.logits, rows, _line))
    if not learned.any():
        raise no_optimum(rows, "each class is parted without error, or its logits do not rise where it is right")
    return weight, bias, learned


def _line(scores: Float64[Tensor, "n"], outcome: Float64[Tensor, "n"]) -> tuple[float, float]:
    return fit_line(scores, outcome) if overlap(scores, outcome) else (0.0, 0.0)


def fit_together(link: Link, rows: HeldOut) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes, offsets and which classes have been seen, (c,) each, that minimise the likelihood of all classes at once.

    Raises:
        FitError: code Z04, when the slopes run away.
    """
    import numpy as np
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    seen, pieces = rows.target.any(dim=0).cpu(), list(chunks(rows))
    count = int(seen.sum())
    scale = float(centred(rows.logits.double()).abs().mean()) or 1.0  # the search starts near its end, for any logits
    with torch.inference_mode(False), torch.enable_grad():

        def cost(numbers: Any) -> tuple[float, Any]:
            at = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
            total, slopes = 0.0, torch.zeros_like(at)
            for piece in pieces:
                logits, target, known = own_copies(piece)
                weight, bias = (each.to(logits.device) for each in spread(at, seen))
                value = link.nll(torch.addcmul(bias, weight, centred(logits) / scale), target, known).sum()
                total, slopes = total + value.item(), slopes + torch.autograd.grad(value, at)[0]
            return total / len(rows.logits), slopes.numpy() / len(rows.logits)

        start, bounds = np.repeat([1.0, 0.0], count), [(scale / MOST, scale * MOST)] * count + [(None, None)] * count
        options = {"maxiter": 2000, "maxfun": 20000, "gtol": 1e-8, "ftol": 1e-14}
        found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    weight, bias = spread(torch.tensor(found.x), seen)
    weight = weight / scale
    if found.status == 1 or not weight.max() < 0.99 * MOST or not found.fun > 1e-6:  # so are NaN refused
        raise no_optimum(rows, "the slopes grow without end, as where every row is right already")
    return weight, bias, seen


def spread(numbers: Float64[Tensor, "k"], seen: Bool[Tensor, "c"]) -> tuple[Tensor, Tensor]:
    """Slopes and offsets of all classes, (c,) each, from those of the classes seen, laid end to end.

    The offsets sum to zero, since a softmax does not see a common one; a class not seen gets the mean slope and none.

    Example:
        >>> numbers, seen = torch.tensor([1.0, 3.0, 0.0, 4.0], dtype=torch.float64), torch.tensor([True, False, True])
        >>> weight, bias = spread(numbers, seen)
        >>> weight.tolist(), bias.tolist()
        ([1.0, 2.0, 3.0], [-2.0, 0.0, 2.0])
    """
    weight, bias = numbers.view(2, -1)
    places = (seen.cumsum(0) - 1).clamp(min=0)
    return weight[places].where(seen, weight.mean()), (bias - bias.mean())[places].where(seen, 0)


def no_optimum(rows: HeldOut, reason: str) -> FitError:
    """The error, code Z04, for rows to which no slopes fit best."""
    problem = f"no slope in {1 / MOST} < w < {MOST:g} can be learned from {len(rows.logits)} held-out rows: {reason}"
    return FitError("Z04", problem, "calibration=platt, or a larger calibration split (data.calibration_share=0.2)")
