"""Which samples are shown, and that their spreadsheets are functions of the logits."""

from typing import Any

import numpy as np
import pytest

from torchheads.report.figures import Judged
from torchheads.report.gallery import gallery, price, reasons, sheet
from torchheads.study.runs import Predictions, Run

NAMES = ["cat", "dog", "cow", "zebra"]


def judged(logits: Any, target: Any, predictions: Any, head: str = "softmax", seed: int = 0) -> Judged:
    logits = np.array(logits, dtype=np.float32)
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = exps / exps.sum(axis=1, keepdims=True)
    found = Judged(Run(None, "animals", head, seed, {}, {}))  # type: ignore[arg-type]
    found.predictions = Predictions(  # type: ignore[misc]
        np.arange(len(logits)) + 100, logits, logits, shares, np.array(predictions), np.array(target)
    )
    return found


def test_the_spreadsheet_of_the_article() -> None:
    """logits 2.1 4.0 3.2 -1.0: exp 8.17 54.6 24.5 0.368, their sum 87.7, shares 0.093 0.623 0.280 0.004."""
    found = sheet("softmax", judged([[2.1, 4.0, 3.2, -1.0]], [2], [1]), 0, NAMES)
    assert [row[:5] for row in found.rows] == [
        ("cat", "2.10", "8.17", "0.093", "0.891"),
        ("dog", "4.00", "54.6", "0.623", "0.982"),
        ("cow", "3.20", "24.5", "0.280", "0.961"),
        ("zebra", "-1.00", "0.368", "0.004", "0.269"),
    ]
    assert [row.answered for row in found.rows] == [False, True, False, False]
    assert [row.right for row in found.rows] == [False, False, True, False]
    assert found.left_out == 0


def test_of_many_classes_the_right_the_answered_and_the_largest_are_shown() -> None:
    logits = np.arange(20.0) / 10
    found = sheet("softmax", judged([logits], [0], [3]), 0, [str(n) for n in range(20)])
    assert [row.name for row in found.rows] == ["0", "3", "16", "17", "18", "19"]
    assert found.left_out == 14


def test_huge_logits_have_finite_shares() -> None:
    (row, *_) = sheet("sigmoid", judged([[1000.0, -1000.0, 0.0, 0.0]], [0], [0]), 0, NAMES).rows
    assert (row.exp, row.softmax, row.sigmoid) == ("inf", "> 0.999", "> 0.999")


def test_samples_are_chosen_for_a_reason() -> None:
    target = [0, 1, 2, 3, 0]
    sure = np.eye(4)[target] * 4
    softmax, sigmoid = sure.copy(), sure * 0.9
    softmax[1] = [8, 0, 0, 0]  # softmax alone is wrong, and its worst
    sigmoid[3] = [0, 0, 6, 0]  # sigmoid alone
    first = {
        "softmax": judged(softmax, target, softmax.argmax(axis=1)),
        "sigmoid": judged(sigmoid, target, sigmoid.argmax(axis=1), "sigmoid"),
    }
    found = list(reasons(first))
    assert found[0][1].startswith("typical")
    assert found[0][0] in (0, 2, 4)
    assert found[1:] == [
        (1, "only sigmoid right"),
        (3, "only softmax right"),
        (1, "worst of softmax"),
        (3, "worst of sigmoid"),
    ]
    samples = gallery({head: [run] for head, run in first.items()}, NAMES, lambda row: f"picture {row}")
    assert [sample.why for sample in samples[1:]] == [
        "only sigmoid right; worst of softmax",
        "only softmax right; worst of sigmoid",
    ]
    assert (samples[1].row, samples[1].truth, samples[1].picture) == (101, "dog", "picture 101")
    assert [sheet.head for sheet in samples[1].sheets] == ["softmax", "sigmoid"]


def test_the_price_of_a_set_leaves_out_what_is_not_known() -> None:
    found = judged([[0.0, 0.0]], [[1, 0]], [[True, False]])
    assert price(found) == pytest.approx([2 * np.log(2)])
    found.target = np.array([[1, -1]])  # type: ignore[misc]
    assert price(found) == pytest.approx([np.log(2)])


def test_a_head_that_judged_other_samples_has_no_sheet() -> None:
    runs = {
        "softmax": [judged(np.eye(4), [0, 1, 2, 3], [0, 1, 2, 3])],
        "other": [judged(np.eye(3), [0, 1, 2], [0, 1, 2])],
    }
    assert [sheet.head for sheet in gallery(runs, NAMES, lambda row: None)[0].sheets] == ["softmax"]
