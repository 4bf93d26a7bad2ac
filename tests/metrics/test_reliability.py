"""Calibration error and reliability curves against literal loops, scikit-learn, torchmetrics and scipy."""

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from torchheads.errors import HeadConfigError, LogitsError
from torchheads.metrics.calibration_error import bin_gaps
from torchheads.metrics.calibration_error import calibration_error as of_gaps
from torchheads.metrics.reliability import bin_numbers, calibration_error, reliability_curve, wilson

BINNINGS = ["width", "mass"]
AVERAGES = ["classwise", "pooled", "top_label"]


def literal_bins(confidence: list[float], bins: int, binning: str) -> list[list[int]]:
    """Rows of each bin, by comparing with every edge or counting every smaller confidence."""
    members: list[list[int]] = [[] for _ in range(bins)]
    for row, p in enumerate(confidence):
        if binning == "width":
            place = next(i for i in range(bins) if p <= (i + 1) / bins or i == bins - 1)
        else:
            place = sum(other < p for other in confidence) * bins // len(confidence)
        members[place].append(row)
    return members


def literal_error(confidence: list[float], outcome: list[bool], bins: int, binning: str) -> float:
    """The definition, bin by bin."""
    total = 0.0
    for members in literal_bins(confidence, bins, binning):
        if members:
            share = sum(outcome[row] for row in members) / len(members)
            mean = sum(confidence[row] for row in members) / len(members)
            total += len(members) / len(confidence) * abs(share - mean)
    return total if confidence else math.nan


def literal(
    said: torch.Tensor, true: torch.Tensor, known: torch.Tensor, bins: int, binning: str, average: str
) -> float:
    """Entries gathered one at a time."""
    rows = [
        [(said[n, c].item(), bool(true[n, c])) for c in range(said.shape[1]) if known[n, c]] for n in range(len(said))
    ]
    groups = {"pooled": [[entry for row in rows for entry in row]]}
    groups["top_label"] = [[max(row, key=lambda entry: entry[0]) for row in rows if row]]
    groups["classwise"] = [
        [(said[n, c].item(), bool(true[n, c])) for n in range(len(said)) if known[n, c]] for c in range(said.shape[1])
    ]
    errors = [literal_error([p for p, _ in g], [y for _, y in g], bins, binning) for g in groups[average]]
    errors = [error for error in errors if not math.isnan(error)]
    return sum(errors) / len(errors) if errors else math.nan


def judged(count: int = 200, classes: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Confidences on a grid of 1/30 (ties, edges of 15 bins, 0 and 1 among them), outcomes, and what is known."""
    random = torch.Generator().manual_seed(seed)
    said = torch.randint(0, 31, (count, classes), generator=random).double() / 30
    true = torch.rand(count, classes, generator=random) < said.square()
    return said, true, torch.rand(count, classes, generator=random) < 0.7


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("binning", BINNINGS)
@pytest.mark.parametrize("bins", [1, 7, 15, 300])
def test_error_is_the_loop(average: Any, binning: Any, bins: int) -> None:
    said, true, known = judged()
    expected = literal(said, true, known, bins, binning, average)
    found = calibration_error(said, true, known, bins, binning, average)
    assert found.dtype == torch.float64
    assert float(found) == pytest.approx(expected, abs=1e-12)
    whole = literal(said, true, torch.ones_like(known), bins, binning, average)
    assert float(calibration_error(said, true, None, bins, binning, average)) == pytest.approx(whole, abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.integers(1, 20))
def test_any_confidences(entries: list[tuple[float, bool]], bins: int) -> None:
    said, true = torch.tensor([p for p, _ in entries], dtype=torch.float64), torch.tensor([y for _, y in entries])
    for binning in ("width", "mass"):
        expected = literal_error(said.tolist(), true.tolist(), bins, binning)
        assert float(calibration_error(said, true, bins=bins, binning=binning)) == pytest.approx(expected, abs=1e-9)
        curve = reliability_curve(said, true, bins=bins, binning=binning)
        assert curve.count.tolist() == [len(members) for members in literal_bins(said.tolist(), bins, binning)]


def test_the_running_sums_of_the_suites_give_the_same() -> None:
    said, true, known = judged()
    gaps = bin_gaps(said, true)
    assert float(calibration_error(said, true)) == pytest.approx(float(of_gaps(gaps, torch.tensor(200.0).double())))
    top = said.argmax(dim=1, keepdim=True)
    gaps = bin_gaps(said.gather(1, top), true.gather(1, top))
    found = calibration_error(said, true, average="top_label")
    assert float(found) == pytest.approx(float(of_gaps(gaps, torch.tensor(200.0).double())))
    gaps = bin_gaps(said.where(known, 0), true & known)  # as a suite does: an unknown entry adds nothing
    assert float(calibration_error(said, true, known)) == pytest.approx(float(of_gaps(gaps, known.sum(dim=0).double())))


def test_torchmetrics_where_no_confidence_is_on_an_edge() -> None:
    """Its last edge belongs to a bin of its own, so it is compared off the edges."""
    logits, target = torch.randn(300, 5), torch.randint(0, 5, (300,))
    said, hot = logits.softmax(dim=1), torch.nn.functional.one_hot(target, 5).bool()
    expected = multiclass_calibration_error(said, target, num_classes=5, n_bins=15, norm="l1")
    assert float(calibration_error(said, hot, average="top_label")) == pytest.approx(float(expected), abs=1e-6)
    one = torch.rand(300)
    expected = binary_calibration_error(one, target == 0, n_bins=15, norm="l1")
    assert float(calibration_error(one, target == 0)) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(("binning", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_curve_is_scikit_learns(binning: Any, strategy: str) -> None:
    """Distinct confidences, as many as fill every bin of equal mass with the same number."""
    said = torch.rand(600, dtype=torch.float64).square()
    true = torch.rand(600) < said.sqrt()
    curve = reliability_curve(said, true, bins=12, binning=binning)
    share, mean = calibration_curve(true.numpy(), said.numpy(), n_bins=12, strategy=strategy)
    filled = curve.count > 0
    np.testing.assert_allclose(curve.share[filled], share, atol=1e-12)
    np.testing.assert_allclose(curve.confidence[filled], mean, atol=1e-12)
    assert binning == "width" or curve.count.tolist() == [50] * 12


def test_curve_of_all_entries_and_of_the_top_label() -> None:
    said, true, known = judged()
    for average in ("pooled", "top_label"):
        curve = reliability_curve(said, true, known, bins=10, average=average)
        filled = curve.count > 0
        error = (curve.count * (curve.share - curve.confidence).abs())[filled].sum() / curve.count.sum()
        assert float(error) == pytest.approx(float(calibration_error(said, true, known, 10, average=average)))
    assert int(reliability_curve(said, true, known).count.sum()) == int(known.sum())


@pytest.mark.parametrize(("right", "count"), [(0, 1), (1, 1), (0, 7), (3, 7), (7, 7), (480, 500)])
def test_interval_is_scipys(right: int, count: int) -> None:
    expected = binomtest(right, count).proportion_ci(0.95, method="wilson")
    low, high = wilson(torch.tensor([right]).double(), torch.tensor([count]).double())
    assert (low.item(), high.item()) == (
        pytest.approx(expected.low, abs=1e-12),
        pytest.approx(expected.high, abs=1e-12),
    )


def test_by_hand() -> None:
    """Two bins of equal width: 0.2 and 0.4, one right, |0.5 - 0.3|; 0.6 and 0.9, both right, |1 - 0.75|; mean 0.225.

    Three bins of equal mass over 0.2 0.4 0.6 0.9: numbers smaller 0 1 2 3 times 3/4: bins 0 0 1 2;
    (2 |0.5 - 0.3| + 0.4 + 0.1) / 4 = 0.225 too.
    """
    said, true = torch.tensor([0.6, 0.2, 0.9, 0.4], dtype=torch.float64), torch.tensor([True, True, True, False])
    assert float(calibration_error(said, true, bins=2)) == pytest.approx(0.225)
    assert bin_numbers(said, 3, "mass").tolist() == [1, 0, 2, 0]
    assert float(calibration_error(said, true, bins=3, binning="mass")) == pytest.approx(0.225)
    curve = reliability_curve(said, true, bins=2)
    assert curve.count.tolist() == [2, 2]
    assert curve.share.tolist() == [0.5, 1]
    assert curve.confidence.tolist() == pytest.approx([0.3, 0.75])


def test_equal_confidences_are_never_parted() -> None:
    said = torch.tensor([0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9, 0.9], dtype=torch.float64)
    places = bin_numbers(said, 4, "mass")
    assert places.tolist() == [0, 0, 0, 0, 0, 0, 3, 3]
    assert bin_numbers(said.flip(0), 4, "mass").tolist() == places.flip(0).tolist()


def test_0_and_1_belong_to_the_outer_bins() -> None:
    said = torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64)
    for binning in ("width", "mass"):
        assert bin_numbers(said, 3, binning).tolist() == [0, 2, 1]


def test_what_is_unknown_may_hold_anything() -> None:
    said, true, known = judged()
    wrong = said.masked_fill(~known, math.nan)
    for average in AVERAGES:
        expected = calibration_error(said, true, known, average=average)
        assert torch.equal(calibration_error(wrong, true ^ ~known, known, average=average), expected)


def test_perfect_confidence_has_no_error_and_a_split_without_rows_none_at_all() -> None:
    true = torch.rand(50, 3) < 0.5
    for average in AVERAGES:
        assert calibration_error(true.double(), true, average=average) == 0
        assert calibration_error(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.bool), average=average).isnan()
    none = torch.zeros(50, 3, dtype=torch.bool)
    assert calibration_error(true.double(), true, none).isnan()
    one = torch.ones(50, 3, dtype=torch.bool)
    one[:, 1] = False
    assert calibration_error(true.double(), true, one) == 0
    curve = reliability_curve(torch.zeros(0), torch.zeros(0, dtype=torch.bool), bins=2)
    assert curve.count.tolist() == [0, 0]
    assert curve.share.isnan().all()
    assert curve.low.isnan().all()


def test_half_precision_is_binned_in_float64() -> None:
    said, true, _ = judged()
    assert torch.equal(calibration_error(said.half(), true), calibration_error(said.half().double(), true))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"bins": 0}, HeadConfigError, r"TH-H10: bins=0; allowed whole numbers >= 1"),
        ({"bins": True}, HeadConfigError, r"TH-H10: bins=True"),
        ({"binning": "size"}, HeadConfigError, r"TH-H10: binning='size'; allowed 'width', 'mass'"),
        ({"average": "macro"}, HeadConfigError, r"TH-H10: average='macro'; allowed 'classwise'"),
        ({"confidence": torch.zeros(3, 2, 2)}, LogitsError, r"TH-L04: confidence of shape \(3, 2, 2\)"),
        ({"confidence": torch.zeros(3, 2, dtype=torch.int64)}, LogitsError, r"TH-L04: .*torch.int64"),
        ({"confidence": torch.full((3, 2), 1.5)}, LogitsError, r"TH-L04: confidences from 1.5 to 1.5; allowed 0..1"),
        ({"confidence": torch.full((3, 2), math.nan)}, LogitsError, r"TH-L04: confidences from nan"),
        ({"outcome": torch.zeros(3, dtype=torch.bool)}, LogitsError, r"TH-L04: outcome of shape \(3,\)"),
        ({"outcome": torch.zeros(3, 2)}, LogitsError, r"TH-L04: outcome of shape \(3, 2\) and dtype torch.float32"),
        ({"known": torch.zeros(3, 1, dtype=torch.bool)}, LogitsError, r"TH-L04: known of shape \(3, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    sound = {"confidence": torch.zeros(3, 2), "outcome": torch.zeros(3, 2, dtype=torch.bool)}
    for function in (calibration_error, reliability_curve):
        with pytest.raises(error, match=text):
            function(**{**sound, **options})


def test_a_curve_is_of_one_thing() -> None:
    with pytest.raises(HeadConfigError, match=r"TH-H10: a reliability curve with average='classwise'.*\[:, c\]"):
        reliability_curve(torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.bool), average="classwise")
