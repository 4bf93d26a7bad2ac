"""How far probabilities are from what came true, on a whole split: calibration error and reliability curves.

n examples, k columns (classes), m judgements that are pooled.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from torchheads.errors import HeadConfigError, LogitsError

Binning = Literal["width", "mass"]
Average = Literal["classwise", "pooled", "top_label"]

Z = 1.959963984540054
"""The normal quantile at 97.5 %: intervals hold 95 %."""


@dataclass(frozen=True)
class ReliabilityCurve:
    """What a curve shows of each bin, shape (bins,) float64 each; NaN where a bin is empty."""

    confidence: Float64[Tensor, "bins"]
    """Mean of the probabilities that were announced."""
    share: Float64[Tensor, "bins"]
    """Share of them that came true: below ``confidence`` the model was too sure of itself."""
    low: Float64[Tensor, "bins"]
    """Lower end of the 95 % interval of the share."""
    high: Float64[Tensor, "bins"]
    """Upper end of it."""
    count: Int64[Tensor, "bins"]
    """How many probabilities fell into the bin (int64)."""


def calibration_error(
    confidence: Float[Tensor, "n *k"],
    outcome: Bool[Tensor, "n *k"],
    known: Bool[Tensor, "n *k"] | None = None,
    bins: int = 15,
    binning: Binning = "width",
    average: Average = "classwise",
) -> Float64[Tensor, ""]:
    """Expected calibration error of a whole split, for label sets as for single labels.

    Use it for reports and comparisons; the suites log a running sum of the equal-width form (their ``ece``), top label
    on single-label data and classwise on label sets, which this function gives too.

        ECE = sum_b  n_b / n  |share that came true in b - mean confidence in b|

    Args:
        confidence: probabilities in [0, 1], shape (n, k), or (n,) for one class or one judgement a row.
        outcome: whether the class was right, bool of the same shape; one-hot on single-label data.
        known: bool of the same shape, False where it is not known; None for everything.
        bins: how many, at least 1.
        binning: "width": bin i holds i / bins < confidence <= (i + 1) / bins, confidence 0 in the first;
            "mass": bins of equal numbers, equal confidences in the same bin. Rare classes, most of whose confidences
            are near 0, fill one bin of equal width: for them take the mass.
        average: "classwise": the mean over the classes of each one's error; "pooled": all entries as one class;
            "top_label": each row's largest known confidence, the lowest class among equals.

    Returns:
        A scalar; NaN without anything known. Classes of which nothing is known are left out of the mean.

    Raises:
        LogitsError: code L04, for shapes or dtypes that do not fit, or confidences outside [0, 1].
        HeadConfigError: code H10, for an unknown option.

    Example:
        >>> said, right = torch.tensor([[0.9, 0.2], [0.9, 0.2]]), torch.tensor([[True, False], [False, False]])
        >>> calibration_error(said, right)  # (0.4 + 0.2) / 2
        tensor(0.3000, dtype=torch.float64)
        >>> calibration_error(said, right, average="top_label")
        tensor(0.4000, dtype=torch.float64)

    Source: Guo et al. (2017), "On Calibration of Modern Neural Networks", section 2; classwise: Kull et al. (2019),
        "Beyond temperature scaling", section 2; equal mass: Nguyen and O'Connor (2015), arXiv:1508.05154.
    """
    columns = judgements(confidence, outcome, known, bins, binning, average)
    errors = [_error(*column, bins, binning) for column in columns]
    return torch.stack(errors).nanmean() if errors else confidence.new_full((), math.nan, dtype=torch.float64)


def reliability_curve(
    confidence: Float[Tensor, "n *k"],
    outcome: Bool[Tensor, "n *k"],
    known: Bool[Tensor, "n *k"] | None = None,
    bins: int = 15,
    binning: Binning = "width",
    average: Average = "pooled",
) -> ReliabilityCurve:
    """What came true in each bin of confidence, with intervals; the picture of which `calibration_error` is the sum.

    The interval is Wilson's, which stays inside [0, 1] and holds in small bins:

        (s + z^2 / 2n  -+  z sqrt(s (1 - s) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    for a share s of n, z = 1.96. It takes the rows as independent: pooled entries of one row are not quite.

    Args:
        confidence: probabilities in [0, 1], shape (n, k) or (n,).
        outcome: whether the class was right, bool of the same shape.
        known: bool of the same shape, False where it is not known; None for everything.
        bins: how many, at least 1.
        binning: "width" or "mass", as in `calibration_error`.
        average: "pooled" or "top_label"; for the curve of one class give its column.

    Raises:
        LogitsError: code L04, and HeadConfigError, code H10, as in `calibration_error`.

    Example:
        >>> curve = reliability_curve(torch.tensor([0.25, 0.5, 0.75]), torch.tensor([False, True, True]), bins=2)
        >>> curve.confidence.tolist(), curve.share.tolist(), curve.count.tolist()
        ([0.375, 0.75], [0.5, 1.0], [2, 1])

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    if average == "classwise":
        problem = "a reliability curve with average='classwise'; allowed 'pooled', 'top_label'"
        raise HeadConfigError("H10", problem, "reliability_curve(confidence[:, c], outcome[:, c]) for class c")
    ((said, true),) = judgements(confidence, outcome, known, bins, binning, average)
    place = bin_numbers(said, bins, binning)
    count, right, total = (
        torch.zeros(bins, dtype=torch.float64, device=said.device).index_add_(0, place, values)
        for values in (torch.ones_like(said), true.double(), said)
    )
    return ReliabilityCurve(total / count, right / count, *wilson(right, count), count.long())


def wilson(right: Float64[Tensor, "*b"], count: Float64[Tensor, "*b"]) -> tuple[Tensor, Tensor]:
    """Ends of the 95 % interval of a share, float64, shape (*b,) each; NaN where nothing was counted.

    Args:
        right: how often a thing came true, shape (*b,).
        count: of how many times, shape (*b,).

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> [round(float(end), 4) for end in wilson(one, 2 * one)]
        [0.0945, 0.9055]

    Source: Wilson (1927), as in `reliability_curve`.
    """
    share = right / count
    half = Z * (share * (1 - share) / count + (Z / (2 * count)) ** 2).sqrt()
    low, high = ((share + Z**2 / (2 * count) + side * half) / (1 + Z**2 / count) for side in (-1, 1))
    return low.clamp(min=0), high.clamp(max=1)


def bin_numbers(confidence: Float64[Tensor, "m"], bins: int, binning: Binning) -> Int64[Tensor, "m"]:
    """The bin of each confidence, 0 to bins - 1, shape (m,).

    Args:
        confidence: in [0, 1], shape (m,).
        bins: how many.
        binning: "width", or "mass": bins times the share of confidences that are smaller, rounded down. Equal
            confidences are never parted, so that a bin may hold more than its share, and the next ones fewer or none.

    Example:
        >>> said = torch.tensor([0.0, 0.1, 0.2, 0.3], dtype=torch.float64)
        >>> bin_numbers(said, 2, "width").tolist(), bin_numbers(said, 2, "mass").tolist()
        ([0, 0, 0, 0], [0, 0, 1, 1])
    """
    if binning == "width":
        edges = torch.arange(1, bins, dtype=torch.float64, device=confidence.device) / bins
        return torch.bucketize(confidence, edges)
    smaller = torch.searchsorted(confidence.sort().values, confidence)
    return smaller * bins // max(len(confidence), 1)


def judgements(
    confidence: Tensor, outcome: Tensor, known: Tensor | None, bins: int, binning: str, average: str
) -> list[tuple[Tensor, Tensor]]:
    """The confidences (m,) float64 and outcomes (m,) that are binned together, once or for each class.

    Raises:
        LogitsError: code L04, and HeadConfigError, code H10, as in `calibration_error`.

    Example:
        >>> said, right = torch.tensor([[0.5, 0.75]]), torch.tensor([[True, False]])
        >>> judgements(said, right, None, 15, "width", "top_label")
        [(tensor([0.7500], dtype=torch.float64), tensor([False]))]
    """
    _check_options(bins, binning, average)
    known = torch.ones_like(outcome) if known is None else known
    _check_values(confidence, outcome, known)
    said, true, known = (
        each.unsqueeze(1) if each.ndim == 1 else each for each in (confidence.double(), outcome, known)
    )
    if average == "top_label":
        rows = known.any(dim=1)
        said, true, known = said[rows], true[rows], known[rows]
        top = said.masked_fill(~known, -1).argmax(dim=1, keepdim=True) if said.shape[1] else known.long()
        said, true, known = (each.gather(1, top) for each in (said, true, known))
    if average == "classwise":
        return [(said[known[:, c], c], true[known[:, c], c]) for c in range(said.shape[1])]
    return [(said[known], true[known])]


def _error(said: Tensor, true: Tensor, bins: int, binning: Binning) -> Tensor:
    """Expected calibration error of judgements (m,); NaN without any."""
    gaps = torch.zeros(bins, dtype=torch.float64, device=said.device)
    return gaps.index_add_(0, bin_numbers(said, bins, binning), true.double() - said).abs().sum() / len(said)


def _check_options(bins: int, binning: str, average: str) -> None:
    for name, value, allowed in (
        ("binning", binning, ("width", "mass")),
        ("average", average, ("classwise", "pooled", "top_label")),
    ):
        if value not in allowed:
            problem = f"{name}={value!r}; allowed {', '.join(map(repr, allowed))}"
            raise HeadConfigError("H10", problem, f'{name}="{allowed[0]}"')
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise HeadConfigError("H10", f"bins={bins!r}; allowed whole numbers >= 1", "bins=15")


def _check_values(confidence: Tensor, outcome: Tensor, known: Tensor) -> None:
    if confidence.ndim not in (1, 2) or not confidence.is_floating_point():
        problem = f"confidence of shape {tuple(confidence.shape)} and dtype {confidence.dtype}"
        raise LogitsError(
            "L04", f"{problem}; allowed floating point of shape (n,) or (n, k)", "head.probabilities(logits)"
        )
    for name, values in (("outcome", outcome), ("known", known)):
        if values.shape != confidence.shape or values.dtype != torch.bool:
            problem = f"{name} of shape {tuple(values.shape)} and dtype {values.dtype}"
            allowed = f"bool of shape {tuple(confidence.shape)}, as the confidence"
            raise LogitsError("L04", f"{problem}; allowed {allowed}", "F.one_hot(target, num_classes).bool()")
    seen = confidence[known]
    if not ((seen >= 0) & (seen <= 1)).all():
        problem = f"confidences from {seen.min().item():.4g} to {seen.max().item():.4g}; allowed 0..1"
        raise LogitsError("L04", problem, "head.probabilities(logits)")
