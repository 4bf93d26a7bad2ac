"""The whole record of tiny data that were worked out on paper: what is in it, and that its form stays as it is."""

import json

import pytest
import torch
from PIL import Image

from torchheads.artifact import write_json
from torchheads.data import ClassificationData, Split
from torchheads.data.overview import advised_heads, inspect_record
from torchheads.data.overview.record import split_pictures
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.images import ImageFiles

SPLITS = ("train", "val", "calibration", "test")


class Tiny(ClassificationData):
    """Rows of two features and sets of cat, dog and cow; None is unknown."""

    name = "tiny"
    label_type = "multi"
    class_names = ("cat", "dog", "cow")
    input_shape = (2,)
    rows = {
        "train": [
            ([0.0, 1.0], [1, 1, 0]),
            ([0.0, 2.0], [1, 0, 0]),
            ([0.0, 3.0], [0, 0, 0]),
            ([0.0, 4.0], [1, None, 0]),
            ([0.0, 5.0], [0, 1, 0]),
            ([0.0, 1.0], [1, 1, 0]),  # the first one again
        ],
        "val": [([1.0, 1.0], [1, 0, 0]), ([1.0, 2.0], [0, 1, 0])],
        "calibration": [([2.0, 1.0], [1, 0, 1]), ([2.0, 2.0], [0, 1, 0])],
        "test": [
            ([0.0, 2.0], [0, 0, 1]),
            ([3.0, 2.0], [1, 1, 0]),
        ],  # its first one is row 1 of train, otherwise labelled
    }

    def load_splits(self):
        return {name: self.split_of(*zip(*rows, strict=True)) for name, rows in self.rows.items()}

    def split_of(self, inputs, sets):
        target = torch.tensor([[entry or 0 for entry in row] for row in sets])
        return Split(torch.tensor(inputs), target, torch.tensor([[entry is not None for entry in row] for row in sets]))


class TwoTasks(Tiny):
    """Beside the sets a class index, of which -1 is unknown."""

    name = "two tasks"
    label_type = {"kind": "single", "animals": "multi"}
    class_names = {"kind": ("wild", "tame"), "animals": ("cat", "dog", "cow")}
    ignore_index = -1

    def load_splits(self):
        return {name: self.with_kind(split) for name, split in super().load_splits().items()}

    def with_kind(self, split):
        kind = torch.arange(len(split.input)) % 2
        kind[0] = -1
        mask = {"animals": split.mask, "kind": torch.ones_like(kind, dtype=torch.bool)}
        return Split(split.input, {"kind": kind, "animals": split.target}, mask)


def test_the_labels_by_hand():
    (task,) = inspect_record(Tiny())["tasks"]
    train = {
        "rows": 6,
        "cardinality": pytest.approx(4 / 6 + 3 / 5 + 0 / 6),
        "density": pytest.approx((4 / 6 + 3 / 5) / 3),
        "rows_without_label": 1,
        "rows_with_one": 2,
        "rows_with_several": 2,
        "rows_unsure": 1,
        "unknown_entries": 1,
        "distinct_sets": 4,
        "most_common_set": 2,
        "imbalance": 4 / 3,
        "chance_precision": pytest.approx((4 / 6 + 3 / 5) / 2),
        "without_positives": ["cow"],
    }
    assert task["splits"]["train"] == train
    assert task["classes"][1] == {
        "name": "dog",
        "positive": {"train": 3, "val": 1, "calibration": 1, "test": 1},
        "known": {"train": 5, "val": 2, "calibration": 2, "test": 2},
        "train_share": 3 / 5,
    }
    assert (task["task"], task["label_type"], task["num_classes"], task["head"]) == (None, "multi", 3, "sigmoid")
    assert task["reason"].startswith("of 6 training rows 2 (33 %) have several labels and 1 (17 %) has none")


def test_the_repeats_that_were_planted():
    record = inspect_record(Tiny())["duplicates"]
    assert {name: found["rows"] for name, found in record["within"].items()} == dict.fromkeys(SPLITS, 0) | {"train": 1}
    assert record["within"]["train"] == {
        "rows": 1,
        "relabelled": 0,
        "examples": [[0, 5]],
        "named": [["row 0 of train", "row 5 of train"]],
    }
    leaks = [found for found in record["between"] if found["rows"]]
    assert leaks == [{
        "split": "train", "other": "test", "rows": 1, "relabelled": 1, "examples": [[1, 0]],
        "named": [["row 1 of train", "row 0 of test"]],
    }]  # fmt: skip


def test_several_tasks():
    record = inspect_record(TwoTasks())
    assert record["head"] == "multi"
    assert [(task["task"], task["head"]) for task in record["tasks"]] == [("kind", "softmax"), ("animals", "sigmoid")]
    kind = record["tasks"][0]["splits"]["train"]
    assert (kind["rows"], kind["unknown_entries"], kind["rows_with_one"], kind["rows_unsure"]) == (6, 1, 5, 1)
    assert [entry["positive"]["train"] for entry in record["tasks"][0]["classes"]] == [2, 3]
    assert {task: advice.head for task, advice in advised_heads(TwoTasks()).items()} == {
        "kind": "softmax",
        "animals": "sigmoid",
    }
    # rows 0 and 5 of train have the same animals and not the same kind
    assert record["duplicates"]["within"]["train"]["relabelled"] == 1


def test_what_is_held_out_advises_nothing():
    class OneEach(Tiny):
        rows = Tiny.rows | {"train": [([0.0, 1.0], [1, 0, 0]), ([1.0, 0.0], [0, 1, 0])]}

    record = inspect_record(OneEach())
    assert record["head"] == "softmax"
    assert any(line.startswith("test is of another kind than train") for line in record["tasks"][0]["mind"])


def form_of(value):
    """Keys at every depth; the entries of lists and of dicts by split or mode are of one form."""
    if isinstance(value, dict) and {"train", "test"} <= set(value):
        return {"<split>": form_of(value["train"])}
    if isinstance(value, dict):
        return {key: form_of(entry) for key, entry in value.items()}
    return (
        [form_of(value[0])]
        if isinstance(value, list) and value and isinstance(value[0], dict)
        else type(value).__name__
    )


REPEATS = {"rows": "int", "relabelled": "int", "examples": "list", "named": "list"}
FORM = {
    "schema": "str",
    "data": "str",
    "head": "str",
    "samples": {"<split>": "int"},
    "tasks": [{
        "task": "NoneType", "label_type": "str", "num_classes": "int", "head": "str", "reason": "str", "mind": "list",
        "splits": {"<split>": {
            "rows": "int", "cardinality": "float", "density": "float",
            "rows_without_label": "int", "rows_with_one": "int", "rows_with_several": "int", "rows_unsure": "int",
            "unknown_entries": "int", "distinct_sets": "int",
            "most_common_set": "int", "imbalance": "float", "chance_precision": "float", "without_positives": "list",
        }},
        "classes": [
            {"name": "str", "positive": {"<split>": "int"}, "known": {"<split>": "int"}, "train_share": "float"}
        ],
    }],
    "inputs": {
        "kind": "str", "dimension": "int", "smallest": "float", "largest": "float", "constant": "list",
        "not_finite": {"<split>": "int"},
    },
    "duplicates": {
        "compared": "str", "blank": {"<split>": "int"}, "left_out": {"<split>": "int"}, "within": {"<split>": REPEATS},
        "between": [{"split": "str", "other": "str", **REPEATS}],
    },
    "skipped": "list",
}  # fmt: skip
PICTURES = {
    "kind": "str",
    "format": {
        "size": "list", "channels": "int", "resize": "NoneType", "interpolation": "str", "mean": "NoneType",
        "deviation": "NoneType", "gigabytes": "float", "cache_gb": "float", "cached": "bool",
    },
    "files": {
        "headers_read": "int", "pictures": "int", "modes": {"L": "int", "RGB": "int"},
        "sizes": {
            "different": "int", "smallest": "list", "median": "list", "largest": "list",
            "most_common": [{"size": "list", "pictures": "int"}],
        },
    },
}  # fmt: skip


def written(data, path):
    write_json(path / "inspect.json", inspect_record(data))
    return json.loads((path / "inspect.json").read_text())


def test_the_form_of_the_file_stays_as_it_is(tmp_path):
    record = written(Tiny(), tmp_path)
    assert record["schema"] == "torchheads.inspect/1"
    assert form_of(record) == FORM


class Photos(SourcedData):
    """Twelve pictures of one class each and four for testing, of which the first is the first of train."""

    name = "photos"

    def __init__(self, root, **options):
        super().__init__(**{"val_share": 0.25, "calibration_share": 0.25, "workers": 0, **options})
        self.root = root

    def read(self):
        (train, test) = (
            Examples(ImageFiles(self.root, names), torch.arange(len(names)) % 2) for names in PHOTOS.values()
        )
        return Source({"train": train, "test": test}, ("cat", "dog"), "single")


PHOTOS = {"train": [f"{number}.png" for number in range(12)], "test": ["copy.png", "x.png", "y.png", "z.png"]}


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate([*PHOTOS["train"], "x.png", "y.png", "z.png"]):
        picture = Image.new("RGB" if number % 2 else "L", (6 + number % 3, 5), 0)
        picture.putpixel((number % 5, number // 5), (255, 255, 255) if number % 2 else 255)
        picture.save(tmp_path / name)
    (tmp_path / "copy.png").write_bytes((tmp_path / "0.png").read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("cache_gb", "compared"), [(4.0, "pixels as the model sees them"), (0.0, "contents of the files")]
)
def test_pictures_in_memory_and_in_files(root, tmp_path, cache_gb, compared):
    data = Photos(root, cache_gb=cache_gb)
    record = written(data, tmp_path)
    assert form_of(record["inputs"]) == PICTURES
    assert record["inputs"]["files"]["modes"] == {"L": 9, "RGB": 7}
    assert record["inputs"]["files"]["sizes"]["smallest"] == [5, 6]
    assert record["inputs"]["format"]["cached"] is (cache_gb > 0)
    assert record["duplicates"]["compared"] == compared
    leaks = {found["split"]: found for found in record["duplicates"]["between"] if found["rows"]}
    ((split, leak),) = leaks.items()  # to whichever split row 0 was cut
    assert (leak["other"], leak["rows"]) == ("test", 1)
    assert leak["named"] == [[f"{root}/0.png (row 0)", f"{root}/copy.png (row 0)"]]
    assert data.split(split).target[leak["examples"][0][0]] == 0


def test_what_cannot_be_read_is_named_and_moves_no_name(root):
    (root / "5.png").write_bytes(b"no picture")
    data = Photos(root, skip_bad=1, image_size=8)
    record = inspect_record(data)
    assert len(record["skipped"]) == 1
    assert "5.png" in record["skipped"][0]
    assert sum(record["samples"].values()) == 15
    assert record["inputs"]["files"]["headers_read"] == 15
    (leak,) = (found for found in record["duplicates"]["between"] if found["rows"])
    assert leak["named"][0][1] == f"{root}/copy.png (row 0)"
    assert len(split_pictures(data)) == 3  # in the split of the bad one rows have other numbers than in the table
