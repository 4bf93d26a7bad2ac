"""What is printed: both ends of many classes, names of strangers made safe, each thing to mind."""

import copy

import pytest
from rich.console import Console

from torchheads.inspect_tables import class_table, figure, show, split_table

FIGURES = {
    "rows": 1200, "cardinality": 1.25, "density": 0.125, "rows_without_label": 0, "rows_with_one": 900,
    "rows_with_several": 300, "rows_unsure": 0, "unknown_entries": 0, "distinct_sets": 7, "most_common_set": 500,
    "imbalance": 3.0, "chance_precision": 0.2, "without_positives": [],
}  # fmt: skip
NOTHING = {"rows": 0, "relabelled": 0, "examples": [], "named": []}
RECORD = {
    "data": "pets",
    "samples": {"train": 1200, "test": 1200},
    "tasks": [{
        "task": None, "label_type": "multi", "num_classes": 2, "head": "sigmoid", "reason": "some have several labels",
        "mind": [], "splits": {"train": FIGURES, "test": FIGURES},
        "classes": [
            {"name": name, "positive": {"train": count, "test": 1}, "train_share": count / 1200}
            for name, count in (("dog", 300), ("cat", 600))
        ],
    }],
    "inputs": {"kind": "features", "dimension": 3, "smallest": 0.0, "largest": 1.0, "constant": [], "not_finite": {}},
    "duplicates": {
        "compared": "values of the features", "blank": {}, "left_out": {},
        "within": {"train": NOTHING, "test": NOTHING},
        "between": [{"split": "train", "other": "test", **NOTHING}],
    },
    "skipped": [],
}  # fmt: skip


def printed(record, encoding="utf-8"):
    console = Console(width=100, record=True, highlight=False, color_system=None)
    with console.capture() as capture:
        show(record, console)
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.fixture
def record():
    return copy.deepcopy(RECORD)


def test_the_whole_page(record):
    assert printed(record) == [
        "pets: 2,400 rows of features; 2 classes, multi-label",
        "",
        "head=sigmoid fits: some have several labels.",
        "",
        "                        train    test",
        "rows                    1,200   1,200",
        "with one label            900     900",
        "with several              300     300",
        "labels a row             1.25    1.25",
        "density                12.5 %  12.5 %",
        "different sets              7       7",
        "most / least frequent     3.0     3.0",
        "",
        "class  train  test  of train",
        "cat      600     1    50.0 %",
        "dog      300     1    25.0 %",
        "",
        "Features: 3, from 0 to 1.",
        "Duplicates: no row comes twice, neither inside a split nor in two (compared: values of the features).",
    ]


def test_of_single_label_data_only_what_says_something(record):
    (task,) = record["tasks"]
    task["label_type"] = "single"
    assert [*split_table(task).columns[0].cells] == ["rows", "most / least frequent"]
    task["splits"] = {"train": FIGURES, "test": FIGURES | {"unknown_entries": 3, "imbalance": float("nan")}}
    assert [*split_table(task).columns[2].cells] == ["1,200", "3", "-"]


@pytest.mark.parametrize(("count", "rows"), [(30, 30), (31, 31), (500, 31)])
def test_both_ends_of_many_classes(count, rows):
    classes = [
        {"name": f"n{rank}", "positive": {"train": count - rank, "test": 0}, "train_share": 0.5}
        for rank in range(count)
    ]
    names = [
        str(name)
        for name in class_table({"classes": classes[::-1], "splits": {"train": 0, "test": 0}}, "utf-8").columns[0].cells
    ]
    assert len(names) == rows
    if count > 30:
        more = f"... {count - 30:,} more"
        assert names == [f"n{rank}" for rank in range(20)] + [more] + [f"n{rank}" for rank in range(count - 10, count)]
    else:
        assert names == [f"n{rank}" for rank in range(count)]


def test_what_to_mind(record):
    record["tasks"][0] |= {"task": "tags", "mind": ["labels are few"]}
    record["duplicates"]["between"][0] |= {"rows": 2, "relabelled": 1, "named": [["a.jpg", "b.jpg"]]}
    record["skipped"] = ["one.jpg is no picture", "two.jpg is no picture"]
    lines = printed(record)
    assert "tags: head=sigmoid fits: some have several labels." in lines
    assert [line for line in lines if line.startswith("Mind")] == [
        "Mind: 2 rows of test repeat one of train, 1 with other labels (b.jpg = a.jpg).",
        "Mind: tags: labels are few.",
        "Mind: 2 pictures cannot be read and will be left out: one.jpg is no picture; two.jpg is no picture.",
    ]
    assert any("1 picture cannot be read" in line for line in printed(record | {"skipped": ["one.jpg"]}))


def test_names_of_strangers_neither_colour_nor_move(record):
    record["tasks"][0]["classes"][0]["name"] = "[red]dog\x1b[31m"
    record["tasks"][0]["mind"] = ["no row of 'cat\x1b[2J'"]
    text = "\n".join(printed(record))
    assert "[red]dog\\x1b[31m" in text
    assert "cat\\x1b[2J" in text
    assert "\x1b" not in text


def test_figures():
    assert figure("density", 1.0) == "100.0 %"
    assert figure("cardinality", float("nan")) == "-"
