"""What calibrators are made of."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from torchheads.calibration.functional import (
    HeldOut,
    each_column,
    fit_line,
    from_log_odds,
    group_nll,
    has_both,
    held_out,
    overlap,
    rising,
)
from torchheads.errors import FitError
from torchheads.links import SIGMOID, SOFTMAX

LOGITS = torch.tensor([[1.0, -1.0], [2.0, 0.0], [0.0, 3.0]])
SETS = torch.tensor([[True, False], [False, False], [True, True]])


def test_unknown_entries_are_no_labels_and_finite():
    known = torch.tensor([[True, True], [True, False], [False, True]])
    logits = LOGITS.clone()
    logits[1, 1] = math.inf
    rows = held_out(logits, SETS, known, 2)
    assert torch.equal(rows.logits, torch.tensor([[1.0, -1.0], [2.0, 0.0], [0.0, 3.0]]))
    assert torch.equal(rows.target, torch.tensor([[True, False], [False, False], [False, True]]))
    assert math.isinf(logits[1, 1])


@pytest.mark.parametrize(("target", "expected"), [(SETS, [True, True]), (SETS | True, [False, False])])
def test_both_outcomes(target, expected):
    assert has_both(HeldOut(LOGITS, target, None)).tolist() == expected
    known = torch.tensor([[True, False], [True, False], [False, True]])
    assert has_both(HeldOut(LOGITS, SETS & known, known)).tolist() == [True, False]


def test_what_cannot_be_told_apart_is_refused():
    for target, text in (
        (SETS | True, "each class is always the same"),
        (SETS & False, "each class is always the same"),
    ):
        with pytest.raises(FitError, match=rf"TH-Z02: 3 held-out rows .*{text}"):
            held_out(LOGITS, target, None, 2)
    with pytest.raises(FitError, match="TH-F03"):
        held_out(LOGITS, SETS[:2], None, 2)


def test_likelihood_of_groups_is_the_loop():
    known = torch.tensor([[True, True], [True, False], [False, True]])
    rows = HeldOut(LOGITS, SETS & known, known)
    each = [0.0, 0.0]
    for n in range(3):
        for c in range(2):
            if known[n, c]:
                z = LOGITS[n, c].item()
                each[c] += math.log1p(math.exp(-z if SETS[n, c] else z))
    assert group_nll(SIGMOID, LOGITS, rows, 2).tolist() == pytest.approx(each)
    assert group_nll(SIGMOID, LOGITS, rows, 1).tolist() == pytest.approx([sum(each)])
    assert group_nll(SOFTMAX, LOGITS, rows, 1).tolist() == pytest.approx([math.log1p(math.exp(-2))])


def test_log_odds_of_a_softmax_are_renormalised():
    """1/2 and 1/4 become 2/3 and 1/3; those of a sigmoid stay."""
    odds, logits = torch.tensor([[0.0, -math.log(3)]]), torch.zeros(1, 2)
    learned = torch.tensor([True, True])
    torch.testing.assert_close(
        from_log_odds(SOFTMAX, odds, logits, learned).softmax(dim=1), torch.tensor([[2 / 3, 1 / 3]])
    )
    torch.testing.assert_close(from_log_odds(SIGMOID, odds, logits, learned), odds)
    partly = torch.tensor([True, False])
    torch.testing.assert_close(from_log_odds(SIGMOID, odds, logits - 7, partly), torch.tensor([[0.0, -7.0]]))
    assert from_log_odds(SOFTMAX, odds, logits - 7, partly)[0, 1] == pytest.approx(-math.log(4))
    assert torch.equal(from_log_odds(SOFTMAX, odds, logits - 7, ~(partly | True)), logits - 7)


def test_columns_hold_the_known_rows():
    known = torch.tensor([[True, True], [True, False], [False, True]])
    seen = each_column(LOGITS, HeldOut(LOGITS, SETS & known, known), lambda *both: [part.tolist() for part in both])
    assert seen == [[[1.0, 2.0], [1.0, 0.0]], [[-1.0, 3.0], [0.0, 1.0]]]


def doubles(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


@pytest.mark.parametrize(
    ("scores", "outcome", "expected"),
    [
        ((0, 1, 2), (0, 1, 0), True),
        ((0, 1), (0, 1), False),
        ((0, 1), (1, 0), False),
        ((0, 1, 1), (0, 0, 1), False),  # parted but for a tie: the slope would still grow without end
        ((0, 1, 1, 2), (0, 0, 1, 0), True),
        ((1, 1), (0, 1), False),
    ],
)
def test_overlap(scores, outcome, expected):
    assert overlap(doubles(*scores), doubles(*outcome)) is expected


def test_a_line_is_scikit_learns_and_falls_to_nothing_where_it_would_fall():
    scores = torch.randn(200, dtype=torch.float64)
    outcome = (torch.rand(200) < (2 * scores - 1).sigmoid()).double()
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scores.unsqueeze(1).numpy(), outcome.numpy())
    assert fit_line(scores, outcome) == pytest.approx((model.coef_.item(), model.intercept_.item()), rel=1e-5)
    assert fit_line(-scores, outcome) == (0, 0)
    assert fit_line(torch.ones_like(scores), outcome) == (0, 0)


def test_lines_that_do_not_rise_are_the_identity():
    slope, offset, learned = rising([(0.5, 2.0), (0.0, 3.0), None])
    assert slope.tolist() == [0.5, 1, 1]
    assert offset.tolist() == [2, 0, 0]
    assert learned.tolist() == [True, False, False]
