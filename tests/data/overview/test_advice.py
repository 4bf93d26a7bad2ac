"""Which head is advised, and in which words."""

import pytest
import torch

from torchheads.data.overview.advice import advise, percent
from torchheads.data.overview.label_counts import index_counts, set_counts
from torchheads.targets import TargetRows


def sets(*rows, known=None):
    return set_counts(TargetRows(torch.tensor(rows), None if known is None else torch.tensor(known).bool()))


BOTH, CAT, NONE = [1, 1], [1, 0], [0, 0]
ENDS = "which sigmoid can say and softmax cannot"


@pytest.mark.parametrize(
    ("counts", "head", "reason"),
    [
        (
            sets(BOTH, CAT, NONE, CAT),
            "sigmoid",
            f"of 4 training rows 1 (25 %) has several labels and 1 (25 %) has none, {ENDS}",
        ),
        (sets(BOTH, BOTH, CAT, CAT), "sigmoid", f"of 4 training rows 2 (50 %) have several labels, {ENDS}"),
        (
            sets(*[CAT] * 7, NONE),
            "sigmoid",
            "of 8 training rows none has several labels, but 1 (12 %) has none: softmax would need a class of its own "
            "for them, and would then fit",
        ),
        (
            sets(CAT, CAT),
            "softmax",
            "every one of 2 training rows has exactly one label, although the data allow any set (label type multi)",
        ),
        (
            sets(CAT, CAT, known=[[1, 1], [1, 0]]),
            "softmax",
            "every one of 1 training rows whose labels are all known has exactly one label, although the data allow "
            "any set (label type multi)",
        ),
        (
            sets(CAT, NONE, known=[[1, 0], [0, 0]]),
            "sigmoid",
            "of none of 2 training rows all labels are known, so it may be any number",
        ),
        (sets([1], [1]), "sigmoid", "there is one class, which a row has or has not; softmax needs two to choose from"),
    ],
)  # fmt: skip
def test_label_sets(counts, head, reason):
    assert advise(counts, "multi") == (head, reason)


def test_one_row_of_thousands_decides():
    assert advise(sets(*[CAT] * 3000), "multi").head == "softmax"
    several = advise(sets(*[CAT] * 3000, BOTH), "multi")
    assert several.head == "sigmoid"
    assert several.reason.startswith("of 3,001 training rows 1 (below 0.1 %) has several labels")


def test_class_indices():
    whole = index_counts(TargetRows(torch.tensor([0, 1, 1]), None), num_classes=2)
    assert advise(whole, "single") == ("softmax", "every one of 3 training rows has exactly one label")
    ignored = index_counts(TargetRows(torch.tensor([0, 1, 1]), torch.tensor([True, False, True])), num_classes=2)
    assert "every one of 2 training rows whose labels are all known" in advise(ignored, "single").reason


@pytest.mark.parametrize("total", [1, 7, 400, 100_000])
def test_no_share_is_rounded_to_none_or_all(total):
    for count in {0, 1, total // 3, total - 1, total}:
        assert (percent(count, total) == "0 %") == (count == 0)
        assert (percent(count, total) == "100 %") == (count == total)
