"""MULAN data sets: labels found by name wherever they stand, the published test rows, and files that do not fit."""

import pytest
import torch

from torchheads.data import Mulan
from torchheads.errors import DataError

XML = '<labels xmlns="x"><label name="wren"/><label name="Swainson&apos;s Thrush"/></labels>'
HEADER = r"""@relation birds
@attribute 'Swainson\'s Thrush' {1,0}
@attribute size real
@attribute place {north,south}
@attribute wren {0,1}
@data
"""


def write_set(folder, train=None, test="0,9,south,1\n{}\n", name="birds"):
    """A set of 20 training rows and two test rows; row i has size i, wren in every second, a thrush in every fourth."""
    rows = [f"{int(i % 4 == 0)},{i},{'south' if i % 3 else 'north'},{i % 2}" for i in range(20)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.xml").write_text(XML)
    (folder / f"{name}-train.arff").write_text(HEADER + ("\n".join(rows) if train is None else train))
    (folder / f"{name}-test.arff").write_text(HEADER.replace("birds", "more") + test)
    return folder


def mulan(root, name="birds", **options):
    return Mulan(str(root), name, val_share=0.1, calibration_share=0.1, **options)


@pytest.mark.parametrize("inside", [True, False])
def test_what_a_set_holds(tmp_path, inside):
    folder = write_set(tmp_path / "birds")
    data = mulan(folder if inside else tmp_path)
    data.setup()
    assert data.name == "mulan birds"
    assert data.label_type == "multi"
    assert data.class_names == ("wren", "Swainson's Thrush")  # in the order of the XML file
    assert data.num_samples == {"train": 16, "val": 2, "calibration": 2, "test": 2}
    assert data.input_shape == (3,)  # size, place=north, place=south: what the XML does not name


def test_the_published_test_rows_are_the_test_split(tmp_path):
    write_set(tmp_path / "birds")
    test = mulan(tmp_path).split("test")
    assert test.input.tolist() == [[9, 0, 1], [0, 1, 0]]
    # an absent nominal value is the first one declared: "0" of {0,1}, but "1" of {1,0}
    assert test.target.tolist() == [[True, False], [False, True]]


def test_every_training_row_is_in_one_split(tmp_path):
    write_set(tmp_path / "birds")
    data = mulan(tmp_path)
    parts = [data.split(name) for name in ("train", "val", "calibration")]
    sizes = torch.cat([part.input[:, 0] for part in parts]).long()
    target = torch.cat([part.target for part in parts])
    assert sorted(sizes.tolist()) == list(range(20))
    assert torch.equal(target, torch.stack([sizes % 2 == 1, sizes % 4 == 0], dim=1))


def test_labels_without_a_value_are_masked(tmp_path):
    write_set(tmp_path / "birds", test="?,9,south,1\n0,2,north,?\n1,3,north,1\n")
    batch = next(iter(mulan(tmp_path).test_dataloader()))
    assert batch.mask.tolist() == [[True, False], [False, True], [True, True]]
    assert batch.target[batch.mask].tolist() == [True, False, True, True]
    assert next(iter(mulan(write_set(tmp_path / "other")).test_dataloader())).mask is None


def test_a_set_in_one_file_has_no_published_split(tmp_path):
    folder = write_set(tmp_path / "birds")
    (folder / "birds-train.arff").rename(folder / "birds.arff")
    (folder / "birds-test.arff").unlink()
    assert mulan(tmp_path, test_share=0.2).num_samples == {"train": 12, "val": 2, "calibration": 2, "test": 4}


def test_numeric_labels(tmp_path):
    folder = write_set(tmp_path / "birds")
    for part in ("train", "test"):
        file = folder / f"birds-{part}.arff"
        file.write_text(file.read_text().replace("wren {0,1}", "wren numeric"))
    assert mulan(tmp_path).split("test").target[:, 0].tolist() == [True, False]


@pytest.mark.parametrize(
    ("code", "replace", "message"),
    [
        (
            "D29",
            ("test", "@attribute size real", "@attribute height real"),
            r"attribute 1 is 'height' .*allowed 'size'",
        ),
        ("D29", ("test", "{north,south}", "{south,north}"), r"attribute 2 is 'place' \('south', 'north'\)"),
        ("D29", ("test", "@data\n0,9,south,1", "@attribute more real\n@data"), r"5 attributes in .*allowed 4, as in"),
        (
            "D29",
            ("both", "wren {0,1}", "robin {0,1}"),
            r"labels \['wren'\] of the XML file are no attributes of .*train",
        ),
        ("D29", ("both", "wren {0,1}", "wren {0,1,2}\n%"), None),
        ("D29", ("both", "wren {0,1}", "wren {no,1,0}"), r"test\.arff, line 8: label 'wren' is 'no'; allowed 0 and 1"),
        ("D27", ("test", "0,9,south", "0,?,south"), r"test\.arff, line 7: attribute 'size' has no value"),
        ("D26", ("test", "0,9,south", "0,9,west"), r"test\.arff, line 7: attribute 'place' has the value 'west'"),
    ],
)
def test_files_that_do_not_fit(tmp_path, code, replace, message):
    folder = write_set(tmp_path / "birds")
    part, before, after = replace
    for name in ("train", "test") if part == "both" else (part,):
        file = folder / f"birds-{name}.arff"
        assert before in file.read_text()
        file.write_text(file.read_text().replace(before, after))
    if message is None:  # a category more that no row has does no harm
        mulan(tmp_path).setup()
        return
    with pytest.raises(DataError, match=rf"TH-{code}: .*{message}"):
        mulan(tmp_path).setup()


def test_labels_that_are_no_labels(tmp_path):
    folder = write_set(tmp_path / "birds")
    file = folder / "birds-test.arff"
    file.write_text(file.read_text().replace("wren {0,1}", "wren real").replace("0,9,south,1", "0,9,south,0.5"))
    train = folder / "birds-train.arff"
    train.write_text(train.read_text().replace("wren {0,1}", "wren real"))
    with pytest.raises(DataError, match=r"TH-D29: .*test\.arff, line 7: label 'wren' is '0\.5'; allowed 0 and 1"):
        mulan(tmp_path).setup()


@pytest.mark.parametrize("name", ["frogs", "../birds", "birds/birds", ""])
def test_sets_that_are_not_there(tmp_path, name):
    write_set(tmp_path / "birds")
    with pytest.raises(DataError, match=rf"TH-D29: no {name}\.xml in .*found birds.*Try: data\.set=birds"):
        mulan(tmp_path, name).setup()
    with pytest.raises(DataError, match=r"found no set"):
        mulan(tmp_path / "birds" / "none").setup()


def test_half_a_split_is_an_error(tmp_path):
    folder = write_set(tmp_path / "birds")
    (folder / "birds-test.arff").unlink()
    with pytest.raises(DataError, match=r"TH-D24: .*birds-test\.arff cannot be read: No such file"):
        mulan(tmp_path).setup()
