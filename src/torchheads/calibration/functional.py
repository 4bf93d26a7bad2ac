"""What fitting and applying a calibrator is made of, as pure functions.

m rows (examples or positions), c classes, n known rows of one class.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor
from torch.nn import functional as F

from torchheads.errors import FitError
from torchheads.fitting import check_held_out
from torchheads.links import Link


class HeldOut(NamedTuple):
    """Checked rows of a fit: finite logits (m, c), label sets (m, c) without unknown entries, known (m, c) or None."""

    logits: Float[Tensor, "m c"]
    target: Bool[Tensor, "m c"]
    known: Bool[Tensor, "m c"] | None


def held_out(logits: Tensor, target: Tensor, known: Tensor | None, num_classes: int) -> HeldOut:
    """Rows that a calibrator can be fitted on; what is unknown is no label and holds a finite logit.

    Raises:
        FitError: codes F02 (no row), F03 (not of these classes, not finite) and Z02 (nothing to tell apart).

    Example:
        >>> logits, target = torch.tensor([[1.0], [torch.nan], [0.0]]), torch.tensor([[True], [True], [False]])
        >>> rows = held_out(logits, target, torch.tensor([[True], [False], [True]]), num_classes=1)
        >>> rows.logits.flatten().tolist(), rows.target.flatten().tolist()
        ([1.0, 0.0, 0.0], [True, False, False])
    """
    check_held_out(logits, target, known, num_classes)
    target = target.bool()
    if known is not None:
        known = known.bool()
        logits, target = logits.where(known | logits.isfinite(), 0), target & known
    rows = HeldOut(logits, target, known)
    if not has_both(rows).any():
        right = target.any(dim=0).nonzero().flatten().tolist()
        seen = f"the right ones are of class {right[0]} alone" if len(right) == 1 else "each class is always the same"
        problem = f"{len(logits)} held-out rows from which no probability can be learned: {seen}"
        raise FitError(
            "Z02", problem, "a larger calibration split (data.calibration_share=0.2), or calibration=identity"
        )
    return rows


def has_both(rows: HeldOut) -> Bool[Tensor, "c"]:
    """Which classes are right in some rows and wrong in others, shape (c,).

    Example:
        >>> has_both(HeldOut(torch.zeros(2, 2), torch.tensor([[True, False], [True, True]]), None))
        tensor([False,  True])
    """
    positives = rows.target.sum(dim=0)
    known = len(rows.target) if rows.known is None else rows.known.sum(dim=0)
    return (positives > 0) & (positives < known)


def chunks(rows: HeldOut, entries: int = 2**22) -> Iterator[HeldOut]:
    """The rows in pieces of about so many entries, so that what is computed from them in float64 stays small.

    Example:
        >>> rows = HeldOut(torch.zeros(5, 2), torch.zeros(5, 2, dtype=torch.bool), None)
        >>> [len(piece.logits) for piece in chunks(rows, entries=4)]
        [2, 2, 1]
    """
    size = max(1, entries // rows.logits.shape[1])
    for start in range(0, len(rows.logits), size):
        yield HeldOut(*(None if part is None else part[start : start + size] for part in rows))  # type: ignore[arg-type]


def own_copies(rows: HeldOut) -> HeldOut:
    """The rows in float64, in memory of their own that slopes may be taken through.

    Example:
        >>> with torch.inference_mode():
        ...     rows = HeldOut(torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.bool), None)
        >>> own_copies(rows).logits.is_inference()
        False
    """
    logits, target, known = rows
    return HeldOut(logits.detach().clone().double(), target.clone(), None if known is None else known.clone())


def group_nll(link: Link, logits: Float[Tensor, "m c"], rows: HeldOut, groups: int) -> Float64[Tensor, "k"]:
    """Negative log-likelihood summed over the rows, of all classes together or of each, shape (1,) or (c,), float64.

    Args:
        link: of the head; only one that judges each class alone can tell their shares.
        logits: what is to be judged, shape (m, c).
        rows: label sets, and what of them is known.
        groups: 1 or C.

    Example:
        >>> from torchheads.links import SIGMOID
        >>> rows = HeldOut(torch.zeros(1, 2), torch.tensor([[True, False]]), None)
        >>> group_nll(SIGMOID, rows.logits, rows, groups=2)
        tensor([0.6931, 0.6931], dtype=torch.float64)
    """
    width = logits.shape[1] if groups == 1 else 1
    target = rows.target.to(logits.device).reshape(-1, width)
    known = None if rows.known is None else rows.known.to(logits.device).reshape(-1, width)
    return link.nll(logits.double().reshape(-1, width), target, known).view(-1, groups).sum(dim=0)


def from_log_odds(
    link: Link, log_odds: Float[Tensor, "m c"], logits: Float[Tensor, "m c"], learned: Bool[Tensor, "c"]
) -> Float[Tensor, "m c"]:
    """Logits that stand for new log-odds of each class, shape (m, c); a softmax renormalises them.

    Where nothing was learned the logits stay as they are: class by class where each is judged alone, else all of them.

    Example:
        >>> from torchheads.links import SOFTMAX
        >>> odds = torch.tensor([[0.0, 0.0]])
        >>> from_log_odds(SOFTMAX, odds, odds, torch.tensor([True, True])).softmax(dim=1)
        tensor([[0.5000, 0.5000]])
    """
    mapped = link.logits(F.logsigmoid(log_odds), F.logsigmoid(-log_odds))
    return mapped.where(learned if link.judges_alone else learned.any(), logits)


def each_column(scores: Float[Tensor, "m c"], rows: HeldOut, fit: Callable[[Tensor, Tensor], Any]) -> list[Any]:
    """What a fit makes of each class: of its known scores and outcomes, (n,) float64 each; None where it has not both.

    Example:
        >>> rows = HeldOut(torch.zeros(3, 2), torch.tensor([[True, True], [False, True], [False, True]]), None)
        >>> each_column(rows.logits, rows, lambda scores, outcome: float(outcome.sum()))
        [1.0, None]
    """
    results = []
    for number, both in enumerate(has_both(rows).tolist()):
        chosen = slice(None) if rows.known is None else rows.known[:, number]
        columns = (values[chosen, number].double().cpu() for values in (scores, rows.target))
        results.append(fit(*columns) if both else None)
    return results


def overlap(scores: Float64[Tensor, "n"], outcome: Float64[Tensor, "n"]) -> bool:
    """Whether no cut parts right from wrong, so that a logistic regression on the scores has a finite optimum.

    Args:
        scores: shape (n,).
        outcome: 1 where right, 0 where wrong, shape (n,), both of them there.

    Example:
        >>> wrong_way = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
        >>> overlap(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64), wrong_way)
        True

    Source: Albert and Anderson (1984), "On the existence of maximum likelihood estimates in logistic regression
        models".
    """
    right, wrong = scores[outcome > 0], scores[outcome == 0]
    return bool((right.min() < wrong.max()) & (wrong.min() < right.max()))


def fit_line(scores: Float64[Tensor, "n"], goal: Float64[Tensor, "n"]) -> tuple[float, float]:
    """Slope and offset of the logistic regression of goals on scores.

        minimise  sum_i  log(1 + exp(a s_i + b)) - t_i (a s_i + b)

    Args:
        scores: s, finite, shape (n,).
        goal: t in [0, 1], shape (n,).

    Returns:
        a and b; (0, 0) where no line was found, or none that rises.

    Example:
        >>> goal = torch.tensor([0.25, 0.25, 0.75, 0.75], dtype=torch.float64)
        >>> slope, offset = fit_line(torch.tensor([0, 0, 1, 1], dtype=torch.float64), goal)
        >>> round(slope, 4), round(offset, 4)  # 2 ln 3 and -ln 3
        (2.1972, -1.0986)

    Source: Platt (1999), "Probabilistic outputs for support vector machines".
    """
    import numpy as np
    from scipy.optimize import minimize  # type: ignore[import-untyped]
    from scipy.special import expit, logit  # type: ignore[import-untyped]

    values, wanted = scores.numpy(), goal.numpy()
    centre, spread = values.mean(), values.std()
    if not 0 < spread < np.inf:
        return 0.0, 0.0
    design = np.stack([(values - centre) / spread, np.ones_like(values)])

    def cost(line: Any) -> tuple[Any, Any]:
        log_odds = line @ design
        slopes = design @ (expit(log_odds) - wanted) / len(wanted)
        return (np.logaddexp(0, log_odds) - wanted * log_odds).mean(), slopes

    def curvature(line: Any) -> Any:
        p = expit(line @ design)
        return (design * (p * (1 - p))) @ design.T / len(wanted)

    start, options = np.array([0.0, logit(wanted.mean())]), {"gtol": 1e-10}
    found = minimize(cost, start, jac=True, hess=curvature, method="trust-exact", options=options)
    slope, offset = found.x[0] / spread, found.x[1] - found.x[0] * centre / spread
    converged = np.abs(found.jac).max() < 1e-7 and np.isfinite([slope, offset]).all()
    return (float(slope), float(offset)) if converged and np.float32(slope) > 0 else (0.0, 0.0)


def rising(lines: list[tuple[float, float] | None]) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes, offsets and which classes have them, (c,) each; the others get the identity, slope 1 and offset 0.

    Example:
        >>> [each.tolist() for each in rising([(2.0, 3.0), None, (0.0, 0.0)])]
        [[2.0, 1.0, 1.0], [3.0, 0.0, 0.0], [True, False, False]]
    """
    learned = [line is not None and line[0] > 0 for line in lines]
    numbers = [line if line and line[0] > 0 else (1.0, 0.0) for line in lines]
    slope, offset = torch.tensor(numbers, dtype=torch.float64).unbind(dim=1)
    return slope, offset, torch.tensor(learned)
