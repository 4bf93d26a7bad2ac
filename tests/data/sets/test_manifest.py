"""Pictures named by a table, end to end: what is read, how it is split, and what is refused by line."""

import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from torchheads.data import Manifest
from torchheads.errors import DataError, TorchHeadsWarning

FLAGS = "image,hat,tie\na.png,1,0\nb.png,,1\nc.png,0,0\nd.png,1,1\n"
SETS = "image,labels,split\na.png,hat,train\nb.png,tie;hat,train\nc.png,,test\nd.png,tie,train\n"
CLASSES = "image,species,split\na.png,cat,train\nb.png,dog,train\nc.png,cat,val\nd.png,dog,test\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures of 2 x 2 pixels of one grey each: a 10, b 20, c 30, d 40."""
    for number, name in enumerate("abcd", start=1):
        Image.new("L", (2, 2), 10 * number).save(tmp_path / f"{name}.png")
    return tmp_path


def manifest(folder: Path, text: str, **options: Any) -> Manifest:
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return Manifest(str(folder / "labels.csv"), **options)


def refused(folder: Path, text: str, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        _ = manifest(folder, text, **options).source
    return caught.value


def test_flags(folder: Path) -> None:
    source = manifest(folder, FLAGS).source
    assert (source.class_names, source.label_type) == (("hat", "tie"), "multi")
    (part,) = source.parts.values()
    assert part.target.int().tolist() == [[1, 0], [0, 1], [0, 0], [1, 1]]
    assert part.mask is not None
    assert part.mask.int().tolist() == [[1, 1], [0, 1], [1, 1], [1, 1]]


def test_label_sets(folder: Path) -> None:
    source = manifest(folder, SETS).source
    assert (source.class_names, source.label_type) == (("hat", "tie"), "multi")
    assert {name: part.target.int().tolist() for name, part in source.parts.items()} == {
        "train": [[1, 0], [1, 1], [0, 1]],
        "test": [[0, 0]],
    }
    assert source.parts["train"].mask is None


def test_classes(folder: Path) -> None:
    source = manifest(folder, CLASSES).source
    assert (source.class_names, source.label_type) == (("cat", "dog"), "single")
    assert {name: part.target.tolist() for name, part in source.parts.items()} == {
        "train": [0, 1],
        "val": [0],
        "test": [1],
    }


def test_pictures_and_targets_stay_together(folder: Path) -> None:
    """Every split holds the grey of the picture that its row names."""
    rows = "".join(f"{name}.png,{name}\n" for name in "dbca")
    data = manifest(folder, f"image,letter\n{rows}", val_share=0.25, calibration_share=0.25, test_share=0.25)
    data.setup()
    for name in ("train", "val", "calibration", "test"):
        split = data.split(name)
        assert len(split.target) == 1
        assert split.input.shape == (1, 1, 2, 2)
        assert split.input.flatten(1)[:, 0].tolist() == [10 * (int(split.target[0]) + 1)]  # a is 10, class 0


def test_published_rows_stay_in_their_split(folder: Path) -> None:
    data = manifest(folder, SETS.replace("c.png,,test", "c.png,,calib"), test_share=0.4, val_share=0.3)
    data.setup()
    assert data.num_samples == {"train": 1, "val": 1, "calibration": 1, "test": 1}
    assert data.split("calibration").input.unique().tolist() == [30]


def test_what_was_found_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _ = manifest(folder, SETS.replace(",", ";").replace("tie;hat", '"tie|hat"')).source
    assert capsys.readouterr().out == (
        "labels.csv: CSV, delimiter semicolon, 4 rows, pictures in 'image', label sets in 'labels', separated by '|', "
        "splits in 'split'\n"
    )


def test_parquet_and_root(folder: Path) -> None:
    (folder / "tables").mkdir()
    table = {"image": ["a.png", "b.png"], "tags": [["hat"], []], "split": ["train", "test"]}
    parquet.write_table(pa.table(table), folder / "tables" / "labels.parquet")
    source = Manifest(str(folder / "tables" / "labels.parquet"), root=str(folder)).source
    assert source.class_names == ("hat",)
    assert source.parts["test"].target.tolist() == [[False]]


def test_a_file_each_aligned_by_name(folder: Path) -> None:
    (folder / "a.csv").write_text("image,hat,tie\na.png,1,0\nb.png,1,1\n")
    (folder / "b.csv").write_text("tie,hat,image\n1,0,c.png\n")
    source = Manifest({"train": str(folder / "a.csv"), "test": str(folder / "b.csv")}).source
    assert source.parts["train"].target.int().tolist() == [[1, 0], [1, 1]]
    assert source.parts["test"].target.int().tolist() == [[0, 1]]
    assert source.parts["test"].input.where(0).startswith(str(folder / "c.png"))  # type: ignore[union-attr]


def test_files_with_a_column_of_splits(folder: Path) -> None:
    paths = {}
    for name in ("train", "test"):
        paths[name] = str(folder / f"{name}.csv")
        Path(paths[name]).write_text(CLASSES)
    with pytest.raises(DataError, match=r"TH-D21: .*train.csv, line 1, column 'split'.*data.columns.ignore=\[split\]"):
        _ = Manifest(paths).source
    assert Manifest(paths, columns={"ignore": ["split"]}, allow_overlap=True).source.parts["test"].target.tolist() == [
        0,
        1,
        0,
        1,
    ]


def test_typed_class_names(folder: Path) -> None:
    assert manifest(folder, CLASSES, class_names=["dog", "cat"]).source.parts["train"].target.tolist() == [1, 0]
    assert "line 3, column 'species': label 'dog'" in refused(folder, CLASSES, class_names=["cat", "cow"]).problem


def test_columns_by_name(folder: Path) -> None:
    text = "image,hat,tie,who\na.png,1,0,ann\nb.png,0,1,bob\nc.png,1,1,ann\n"
    assert manifest(folder, text, columns={"label": "who"}).source.class_names == ("ann", "bob")
    assert manifest(folder, text, columns={"ignore": ["who"]}).source.class_names == ("hat", "tie")
    error = refused(folder, text, columns={"ignore": ["whom"]})
    assert (error.code, "its columns are 'image', 'hat', 'tie', 'who'" in error.problem) == ("D20", True)


def test_a_label_in_the_test_rows_alone(folder: Path) -> None:
    text = CLASSES.replace("d.png,dog", "d.png,emu")
    with pytest.warns(TorchHeadsWarning, match="TH-W04: .*'emu'"):
        _ = manifest(folder, text).source


def test_missing_pictures_are_named_by_line(folder: Path) -> None:
    text = CLASSES.replace("b.png", "x.png").replace("d.png", "sub/y.png")
    error = refused(folder, text)
    assert error.code == "D15"
    assert error.problem.startswith(f"2 of 4 pictures are not in {folder} ({folder / 'labels.csv'}, line 3: 'x.png'; ")
    assert "line 5: 'sub/y.png'" in error.problem
    assert "data.skip_bad=2" in error.remedy
    assert refused(folder, text, skip_bad=1).code == "D15"
    data = manifest(
        folder, text.replace("c.png,cat,val", "c.png,dog,train"), skip_bad=2, val_share=0, calibration_share=0
    )
    assert len(data.source.parts["train"].target) == 3


@pytest.mark.parametrize("root", ["inner", "inner/other", "inner/pictures/deep"])
def test_a_root_near_by_is_proposed(folder: Path, root: str) -> None:
    pictures = folder / "inner" / "pictures"
    (folder / root).mkdir(parents=True)
    pictures.mkdir(parents=True, exist_ok=True)
    for name in "abcd":
        (folder / f"{name}.png").rename(pictures / f"{name}.png")
    error = refused(folder, CLASSES, root=str(folder / root))
    assert error.problem.startswith("4 of 4 pictures are not in")
    assert error.remedy == f"data.root={pictures}"


def test_no_root_near_by(folder: Path) -> None:
    assert (
        refused(folder, "image,what\nnowhere_1.png,hat\nnowhere_2.png,tie\n").remedy
        == "data.root=<where the paths start>"
    )


def test_an_empty_picture_cell(folder: Path) -> None:
    error = refused(folder, CLASSES.replace("c.png", " "))
    assert (error.code, "labels.csv, line 4, column 'image': an empty cell" in error.problem) == ("D22", True)


def test_a_path_that_leaves_the_folder(folder: Path) -> None:
    assert refused(folder, CLASSES.replace("c.png", "../c.png")).code == "D16"


def test_a_row_for_every_label_of_a_picture(folder: Path) -> None:
    error = refused(folder, "image,what\na.png,hat\nb.png,hat\na.png,tie\n")
    assert error.code == "D22"
    assert "labels.csv, line 2 and " in error.problem
    assert "labels.csv, line 4: 'a.png' with different labels" in error.problem
    assert "(cat;dog)" in error.remedy


def test_a_picture_twice_with_different_knowledge(folder: Path) -> None:
    assert refused(folder, "image,hat\na.png,0\nb.png,1\na.png,\n", columns={"labels": ["hat"]}).code == "D22"


def test_a_picture_twice_with_the_same_labels(folder: Path) -> None:
    source = manifest(folder, "image,what\na.png,hat\nb.png,tie\na.png,hat\n").source
    assert source.parts["train"].target.tolist() == [0, 1, 0]


def test_a_picture_in_two_splits(folder: Path) -> None:
    assert refused(folder, CLASSES.replace("c.png", "a.png")).code == "D04"


def test_options_that_cannot_be(folder: Path) -> None:
    with pytest.raises(DataError, match="TH-D11: label_offset=1"):
        manifest(folder, CLASSES, label_offset=1)
    with pytest.raises(DataError, match=r"TH-D20: no option data\.columns\.lable"):
        manifest(folder, CLASSES, columns={"lable": "species"})


def test_a_table_in_another_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = manifest(tmp_path_factory.mktemp("tables"), CLASSES, root=str(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(data.source.parts["train"].input) == 2
