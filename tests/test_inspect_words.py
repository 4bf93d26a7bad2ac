"""Sentences about inputs and duplicates, each form of them."""

import pytest

from torchheads.inspect_words import by, duplicate_lines, feature_lines, file_line, format_line, input_lines, title

FILES = {
    "headers_read": 20,
    "pictures": 20,
    "sizes": {
        "different": 2,
        "smallest": [4, 4],
        "median": [4, 6.5],
        "largest": [4, 9],
        "most_common": [{"size": [4, 9], "pictures": 12}],
    },
    "modes": {"RGB": 19, "L": 1},
}
MADE = {"channels": 3, "size": (64, 64), "resize": None, "gigabytes": 12.5, "cache_gb": 4.0, "cached": False}
NONE = {"rows": 0, "relabelled": 0, "named": []}
FOUND = {
    "compared": "values of the features",
    "blank": {"train": 0, "test": 0},
    "left_out": {"train": 0, "test": 0},
    "within": {"train": NONE, "test": NONE},
    "between": [{"split": "train", "other": "test", **NONE}],
}
REPEATS = {"rows": 3, "relabelled": 2, "named": [["a", "b"]]}


def test_titles():
    task = {"task": None, "num_classes": 1000, "label_type": "single"}
    record = {"data": "pets", "samples": {"train": 1000, "test": 34}, "inputs": {"kind": "images"}, "tasks": [task]}
    assert title(record) == "pets: 1,034 rows of images; 1,000 classes, single-label"
    record["tasks"] = [task | {"task": "breed"}, {"task": "tags", "num_classes": 3, "label_type": "multi"}]
    assert title(record).endswith("; breed 1,000 classes, single-label; tags 3 classes, multi-label")


def test_files():
    assert file_line(FILES) == (
        "Pictures: 20 files, 2 sizes from 4 x 4 to 4 x 9, median 4 x 6.5 (height x width), most often 12 of 4 x 9; "
        "RGB 19, L 1."
    )
    assert file_line(FILES | {"pictures": 9000}).startswith("Pictures: 9,000 files (20 looked at), 2 sizes")
    one = FILES | {"sizes": FILES["sizes"] | {"different": 1}}
    assert file_line(one) == "Pictures: 20 files, all 4 x 9 (height x width), RGB 19, L 1."


@pytest.mark.parametrize(
    ("changed", "end"),
    [
        ({}, "; all of it is 12.5 GB, more than data.cache_gb=4: workers decode each batch anew."),
        ({"cached": True, "gigabytes": 0.5}, "; all of it is 500.0 MB, in memory (data.cache_gb=4)."),
        ({"cached": True, "cache_gb": float("inf")}, "; all of it is 12.5 GB, in memory."),
        ({"resize": 72}, ", the centre of the shorter side scaled to 72; all of it is 12.5 GB, more than"),
    ],
)
def test_what_the_model_sees(changed, end):
    assert f"The model sees: 3 x 64 x 64 (channels x height x width){end}" in format_line(MADE | changed)


def test_features():
    record = {"kind": "features", "dimension": 1200, "smallest": 0.0, "largest": 1.0, "constant": list(range(9))}
    record["not_finite"] = {"train": 0, "test": 1500}
    assert list(input_lines(record)) == [
        "Features: 1,200, from 0 to 1; 9 never change in training (columns 0, 1, 2, 3, 4, 5, 6, 7, ...).",
        "Features: 1,500 values of test are NaN or infinite.",
    ]
    assert list(feature_lines(record | {"constant": [], "not_finite": {}})) == ["Features: 1,200, from 0 to 1."]


def test_duplicates_that_there_are_not():
    assert list(duplicate_lines(FOUND)) == [
        "Duplicates: no row comes twice, neither inside a split nor in two (compared: values of the features)."
    ]
    shared = FOUND | {"between": [FOUND["between"][0] | REPEATS]}
    assert next(duplicate_lines(shared)).startswith("Duplicates: no row comes twice inside a split (compared")


def test_duplicates_that_there_are():
    found = FOUND | {
        "within": {"train": NONE, "test": REPEATS},
        "blank": {"train": 1200, "test": 0},
        "left_out": {"train": 0, "test": 7},
    }
    assert list(duplicate_lines(found)) == [
        "Duplicates: rows that repeat an earlier one: 3 of test, 2 with other labels (b = a) "
        "(compared: values of the features).",
        "Duplicates: the same value everywhere, left out here: 1,200 of train.",
        "Duplicates: not compared: 7 of test.",
    ]  # fmt: skip


def test_by():
    assert by([1, 22]) == "1 x 22"
