"""The risk-coverage curve and its area against loops over thresholds, with ties."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.metrics.selective import aurc, risk_coverage_curve

ROWS = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), min_size=1, max_size=25)


def columns(rows):
    confidence, errors = (torch.tensor(column) for column in zip(*rows, strict=True))
    return confidence.float(), errors.float() / 4


@given(ROWS)
def test_the_curve_is_the_loop_over_thresholds(rows):
    curve = risk_coverage_curve(*columns(rows))
    expected = []
    for cut in sorted({own for own, _ in rows}, reverse=True):
        errors = [error / 4 for own, error in rows if own >= cut]
        expected.append((cut, len(errors) / len(rows), sum(errors) / len(errors)))
    assert [tuple(point) for point in torch.stack(list(curve), dim=1).tolist()] == [
        pytest.approx(point) for point in expected
    ]


@given(ROWS)
def test_the_area_is_the_mean_risk_over_the_rows_own_thresholds(rows):
    risks = []
    for cut, _ in rows:
        errors = [error / 4 for own, error in rows if own >= cut]
        risks.append(sum(errors) / len(errors))
    assert aurc(*columns(rows)).item() == pytest.approx(sum(risks) / len(risks))


@given(ROWS, st.randoms())
def test_the_order_of_rows_and_the_scale_of_confidence_do_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    confidence, errors = columns(shuffled)
    assert aurc(confidence.mul(3).exp(), errors).item() == pytest.approx(aurc(*columns(rows)).item())


def test_by_hand():
    # surest first: right, wrong, right, wrong: risks 0, 1/2, 1/3, 1/2, of which the mean is 1/3
    confidence, errors = torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([0.0, 1.0, 0.0, 1.0])
    assert risk_coverage_curve(confidence, errors).risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc(confidence, errors).item() == pytest.approx(1 / 3)
    # a confidence that says nothing gives the mean error; one that is never wrong about errors gives the least
    assert aurc(torch.zeros(4), errors).item() == pytest.approx(1 / 2)
    assert aurc(-errors, errors).item() == pytest.approx((0 + 0 + 1 / 2 + 1 / 2) / 4)


def test_no_row():
    assert math.isnan(aurc(torch.zeros(0), torch.zeros(0)).item())
    assert [len(part) for part in risk_coverage_curve(torch.zeros(0), torch.zeros(0))] == [0, 0, 0]
