"""What a study consists of, and the studies that cannot be."""

from pathlib import Path
from typing import Any

import pytest

from torchheads.compare_plan import cells_of, part_of, planned, seed_job, tuning_job
from torchheads.errors import HeadConfigError
from torchheads.tuning import Grid

STUDY = {
    "heads": {"softmax": ["head=softmax"], "zero": ["head=sigmoid", "head.prior=zero"]},
    "data": {"digits": ["data=digits"], "canvases, 0 to 4": ["data=digit_canvases"]},
    "options": ["trainer=smoke"],
}


def test_every_head_meets_every_data_set(tmp_path: Path) -> None:
    cells = cells_of({"study": STUDY}, tmp_path)
    assert [str(cell) for cell in cells] == [
        "digits softmax",
        "digits zero",
        "canvases, 0 to 4 softmax",
        "canvases, 0 to 4 zero",
    ]
    assert cells[1].overrides == ("trainer=smoke", "data=digits", "head=sigmoid", "head.prior=zero")
    assert len({cell.folder for cell in cells}) == 4
    assert planned(cells, [0, 1, 2], Grid({"optimizer.lr": [1, 2]})) == 4 * (2 + 3)
    assert planned(cells, [0, 1, 2], None) == 12


def test_a_trial_never_sees_the_test_split_and_has_a_seed_apart(tmp_path: Path) -> None:
    cell = cells_of({"study": STUDY}, tmp_path)[0]
    tried, compared = tuning_job(cell, 3, {"optimizer.lr": 0.1}, 1000), seed_job(cell, 2, {"optimizer.lr": 0.1})
    assert tried.overrides == (*cell.overrides, "optimizer.lr=0.1", "seed=1000", "test=false")
    assert compared.overrides == (*cell.overrides, "optimizer.lr=0.1", "seed=2")
    assert (tried.folder.name, compared.folder.name) == ("tune-3", "seed-2")
    assert compared.labels == {
        "data": "digits",
        "head": "softmax",
        "options": {"optimizer.lr": 0.1},
        "overrides": list(compared.overrides),
    }


def test_parts_share_the_cells_out_and_leave_none() -> None:
    parts = [part_of(range(7), part, 3) for part in range(3)]
    assert sorted(cell for part in parts for cell in part) == list(range(7))


@pytest.mark.parametrize(("part", "parts"), [(1, 1), (3, 3), (-1, 2)])
def test_a_part_that_there_is_not(part: int, parts: int) -> None:
    with pytest.raises(HeadConfigError, match=f"TH-H40: part={part} of parts={parts}"):
        part_of([], part, parts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": {}}, "study.heads={}; allowed names"),
        ({"data": None}, "study.data=None; allowed names"),
        ({"heads": ["softmax"]}, r"study.heads=\['softmax'\]"),
        ({"data": {"../up": ["data=digits"]}}, "study.data has the name '../up'"),
        ({"data": {".hidden": ["data=digits"]}}, "study.data has the name '.hidden'"),
        ({"heads": {"a": "head=softmax"}}, "study.heads.a=head=softmax; allowed a list"),
        ({"heads": {"a": ["softmax"]}}, r"study.heads.a=\['softmax'\]"),
        ({"options": [3]}, r"study.options=\[3\]"),
    ],
)
def test_a_study_that_cannot_be(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(HeadConfigError, match=f"TH-H40: {message}"):
        cells_of({"study": STUDY | change}, tmp_path)


def test_a_name_set_to_null_is_left_out(tmp_path: Path) -> None:
    heads = STUDY["heads"] | {"zero": None}  # type: ignore[operator]
    assert [cell.head for cell in cells_of({"study": STUDY | {"heads": heads}}, tmp_path)] == ["softmax", "softmax"]
