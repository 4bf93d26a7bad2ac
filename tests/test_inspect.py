"""``torchheads inspect`` from the command line: what it prints is what it writes, and nothing is trained."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module

from torchheads.cli import main
from torchheads.errors import CheckpointError
from torchheads.inspect import inspect

SIZES = ["data.train_size=40", "data.val_size=30", "data.calibration_size=20", "data.test_size=50"]


@pytest.fixture
def hydra() -> Iterator[None]:
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        yield


def test_the_file_stands_in_the_folder(hydra: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = inspect(compose("inspect", ["data=canvas_tasks", *SIZES]), tmp_path)
    assert json.loads((tmp_path / "inspect.json").read_text())["tasks"] == record["tasks"]
    assert (record["data"], record["head"]) == ("canvas_tasks", "multi")
    assert record["samples"] == {"train": 40, "val": 30, "calibration": 20, "test": 50}
    printed = capsys.readouterr().out
    assert "top_left: head=softmax fits: every one of 40 training rows has exactly one label." in printed
    assert "present: head=sigmoid fits: of 40 training rows" in printed
    assert f"All of it: {tmp_path}/inspect.json" in printed.replace("\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["inspect.json"]


def test_an_output_is_made_or_refused_before_the_data_are_read(
    hydra: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect(compose("inspect", ["data=digits", f"output={tmp_path}/new/look.json"]), tmp_path)
    assert (tmp_path / "new" / "look.json").is_file()
    monkeypatch.setattr("torchheads.inspect.build_data", lambda *_: pytest.fail("the data were read before the check"))
    with pytest.raises(CheckpointError, match=r"TH-H17: .*/new cannot be written: it is a folder\. Try: output="):
        inspect(compose("inspect", ["data=digits", f"output={tmp_path}/new"]), tmp_path)


def test_pictures_are_looked_at_as_the_backbone_would_see_them(hydra: None, tmp_path: Path) -> None:
    config = compose("inspect", ["data=digits", "backbone=mlp"])
    assert inspect(config, tmp_path)["inputs"]["format"]["size"] == (8, 8)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    main(["inspect", "data=digit_canvases", "data.digits=[1,1]", *SIZES, "hydra.run.dir=look"])
    record = json.loads(Path("look/inspect.json").read_text())
    assert record["head"] == "softmax"  # exactly one label each, although any set is allowed
    assert record["tasks"][0]["reason"].endswith("although the data allow any set (label type multi)")
    assert "head=softmax fits" in capsys.readouterr().out
    assert "data:" in Path("look/config.yaml").read_text()


def test_what_is_wrong_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["inspect", "data=digit"])
    assert capsys.readouterr().err.startswith("TH-H04: 'digit' is no option of 'data'; allowed: ")
