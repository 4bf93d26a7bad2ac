"""What is typed after ``explain``: read right, or refused with a code and with what to type."""

from pathlib import Path

import pytest

from torchheads.errors import TorchHeadsError
from torchheads.explain_options import read_logits, read_options

WRONG = {
    "": ("H12", "no logits", "torchheads explain cat=2.1"),
    "cat": ("H05", "'cat' is no logit", "cat=2.1"),
    "=3 b=1": ("H05", "'=3' is no logit", "cat=3"),
    "cat= b=1": ("H05", "'cat=' is no logit", "cat=2.1"),
    "cat=2,1 b=1": ("H05", "'cat=2,1'", "cat=2.1"),
    "cat=two b=1": ("H05", "'cat=two'", "cat=2.1"),
    "cat=1": ("H01", "one class", "torchheads explain cat=1 other=0"),
    "cat=1 dog=2 cat=3": ("H19", "class 'cat' came twice", "cat_2=3"),
    "cat=nan b=1": ("L01", "'cat' is NaN", "cat=0"),
    "cat=inf b=1": ("L02", "'cat' is inf", "cat=1000"),
    "cat=-1e39 b=1": ("L02", "'cat' is -1e39", "leave cat out"),
    "a=1 b=2 --threshold 3": ("H03", "threshold 3 in probability space", "--threshold 3 --space logit"),
    "a=1 b=2 --threshold -0.1": ("H03", "threshold -0.1", "--threshold -0.1 --space logit"),
    "a=1 b=2 --threshold nan": ("H03", "threshold nan", "--threshold 0.5"),
    "a=1 b=2 --threshold nan --space logit": ("H03", "threshold nan", "--threshold 0.5"),
    "a=1 b=2 --space logit": ("H12", "--space logit without --threshold", "--threshold 3 --space logit"),
    "a=1 b=2 --threshold x": ("H05", "--threshold", "torchheads explain"),
    "a=1 b=2 --space foo": ("H05", "--space", "torchheads explain"),
    "a=1 b=2 --thresh 1": ("H05", "--thresh", "torchheads explain"),
    "a=1 --image a.png": ("H05", "'a=1' beside a picture", "torchheads explain --checkpoint"),
    "--image a.png": ("H12", "no value for --checkpoint", "torchheads explain --checkpoint"),
    "--checkpoint a.ckpt": ("H12", "no value for --image", "torchheads explain --checkpoint"),
    "--invert": ("H12", "no value for --checkpoint", "torchheads explain --checkpoint"),
    "--checkpoint a.ckpt --image a.png": ("K01", "no file a.ckpt", "torchheads explain --checkpoint"),
}


@pytest.mark.parametrize("typed", WRONG)
def test_what_is_wrong_is_named_with_what_to_type(typed: str) -> None:
    code, problem, remedy = WRONG[typed]
    with pytest.raises(TorchHeadsError) as caught:
        read_options(typed.split())
    assert caught.value.code == code
    assert problem in caught.value.problem
    assert caught.value.remedy.startswith(remedy)


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(b"")
    with pytest.raises(TorchHeadsError, match=r"TH-D09: there is no file .*b\.png"):
        read_options(["--checkpoint", str(tmp_path / "a.ckpt"), "--image", str(tmp_path / "b.png")])


def test_logits_keep_their_order_and_their_names() -> None:
    texts = ["dog=4", "a=b=1e-3", "[red] x=-2", "猫=.5"]
    assert list(read_logits(texts).items()) == [("dog", 4.0), ("a=b", 1e-3), ("[red] x", -2.0), ("猫", 0.5)]


def test_options_stand_anywhere() -> None:
    options = read_options(["--threshold", "-3", "a=1", "--space", "logit", "b=-1"])
    assert (options.threshold, options.space) == (-3.0, "logit")
    assert options.logits == {"a": 1.0, "b": -1.0}


def test_help_reads_well_in_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")  # argparse would fold to it
    with pytest.raises(SystemExit) as end:
        read_options(["--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert max(map(len, text.splitlines())) <= 82
    assert "torchheads explain cat=2.1 dog=4 cow=3.2 zebra=-1 --threshold 3 --space logit" in text
    for option in ("--threshold T", "--space S", "--checkpoint FILE", "--image FILE", "--invert"):
        assert option in text
