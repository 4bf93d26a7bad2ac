"""``torchheads explain`` from the command line to the last line printed, with typed logits and with a trained model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import nn

from torchheads.build import load_module
from torchheads.build_data import open_data
from torchheads.cli import main
from torchheads.explain import run
from torchheads.heads import SigmoidHead

ARTICLE = ["cat=2.1", "dog=4", "cow=3.2", "zebra=-1", "--threshold", "3", "--space", "logit"]
CANVASES = ["data=digit_canvases", "data.train_size=300", "data.val_size=50", "data.calibration_size=50"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain") / "run"
    main(["train", "trainer.max_epochs=1", f"hydra.run.dir={folder}"])
    return folder / "checkpoints" / "final.ckpt"


def picture_of(checkpoint: Path, row: int, file: Path, invert: bool = False) -> torch.Tensor:
    """Write a test image as a PNG file of its own size; returns the model's logits for it, from the data's loader."""
    module = load_module(checkpoint)
    data = open_data(None, module)
    pixels = data.split("test").input[row, 0].numpy() * (255 / 16)
    picture = Image.fromarray(pixels.round().astype(np.uint8))
    (ImageOps.invert(picture) if invert else picture).save(file)
    batch = next(iter(data.test_dataloader()))
    with torch.no_grad():
        return module(batch.input[row : row + 1])[0]


def fails(capsys: pytest.CaptureFixture[str], *typed: str) -> str:
    with pytest.raises(SystemExit) as end:
        run(typed)
    captured = capsys.readouterr()
    assert end.value.code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_the_articles_logits(capsys: pytest.CaptureFixture[str]) -> None:
    run(ARTICLE)
    text = capsys.readouterr().out
    assert "softmax  exactly one is right, the largest: dog" in text
    assert "sigmoid  any may be right, if logit >= 3 (sigmoid >= 0.9526): dog, cow" in text
    run(ARTICLE[:4])
    assert "if logit >= 0 (sigmoid >= 0.5000): cat, dog, cow" in capsys.readouterr().out


@pytest.mark.parametrize("invert", [False, True])
def test_a_picture_gets_the_logits_that_the_model_gives_it(
    invert: bool, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logits = picture_of(checkpoint, 3, tmp_path / "a.png", invert)
    capsys.readouterr()
    run(["--checkpoint", str(checkpoint), "--image", str(tmp_path / "a.png"), *["--invert"] * invert])
    text = capsys.readouterr().out
    rows = [line.split() for line in text.splitlines()[1:11]]
    assert [row[0] for row in rows] == [str(digit) for digit in range(10)]
    # A PNG has 256 levels of grey and the data 17, so the pixels are the same up to rounding to 1/255.
    assert [float(row[1]) for row in rows] == pytest.approx(logits.tolist(), abs=0.02)
    assert f"model    SoftmaxHead with Argmax(): {logits.argmax()}" in text
    assert "note" not in text


def test_light_and_dark_swapped_are_noticed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture_of(checkpoint, 0, tmp_path / "a.png", invert=True)
    run(["--checkpoint", str(checkpoint), "--image", str(tmp_path / "a.png")])
    text = " ".join(capsys.readouterr().out.split())
    assert "note the picture is brighter than every training image. Try: again with --invert" in text


def test_a_model_of_sets_says_its_own_threshold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    main(["train", *CANVASES, "data.test_size=50", "trainer.max_epochs=1", f"hydra.run.dir={folder}"])
    Image.new("L", (50, 50)).save(tmp_path / "a.png")
    capsys.readouterr()
    run(["--checkpoint", str(folder / "checkpoints" / "final.ckpt"), "--image", str(tmp_path / "a.png")])
    out = " ".join(capsys.readouterr().out.split())
    assert "model SoftmaxHead with FittedThreshold(FBeta(beta=1, average='macro')" in out
    assert "fitted, cut=" in out
    assert json.loads((folder / "results.json").read_text())["head"] == "softmax"


def test_files_that_are_something_else(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.ckpt")
    picture = str(tmp_path / "a.png")
    remedy = "Try: torchheads explain --checkpoint RUN/checkpoints/final.ckpt --image picture.png\n"
    for file, code in ((picture, "TH-K01"), (str(tmp_path / "other.ckpt"), "TH-K03")):
        error = fails(capsys, "--checkpoint", file, "--image", picture)
        assert error.startswith(code)
        assert error.endswith(remedy)
    assert fails(capsys, "--checkpoint", str(checkpoint), "--image", str(checkpoint)).startswith("TH-D09")


@pytest.mark.parametrize("head", [nn.Identity(), SigmoidHead(4, 1)])
def test_a_model_that_is_not_one_head_of_several_classes(
    head: nn.Module, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = nn.Module()
    module.head = head
    monkeypatch.setattr("torchheads.build.load_module", lambda checkpoint: module)
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    error = fails(capsys, "--checkpoint", str(tmp_path / "a.png"), "--image", str(tmp_path / "a.png"))
    assert error.startswith("TH-K03")
    assert f"holds a {type(head).__name__}; allowed one head" in error


def test_errors_are_one_line_of_letters_whatever_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    error = fails(capsys, "a\x1b[31m\nb=1", "a\x1b[31m\nb=2")
    assert "\x1b" not in error
    assert r"a\x1b[31m\nb_2=2" in error
