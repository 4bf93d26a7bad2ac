"""The console script: which command runs, and that saying what is wrong or how to use it needs no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from torchheads import __version__
from torchheads.cli import COMMANDS, main

HEAVY = ("torch", "numpy", "lightning", "hydra", "sklearn")


def heavy_after(arguments: list[str], folder: Path) -> tuple[str, list[str]]:
    """Exit code and error lines of a command; the first line printed last names the heavy modules it imported."""
    code = f"""
import sys
from torchheads.cli import main
try:
    main({arguments!r})
    end = 0
except SystemExit as exit:
    end = exit.code or 0
print(end, sorted({set(HEAVY)!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=folder)
    return done.stdout.splitlines()[-1], done.stderr.splitlines()


@pytest.mark.parametrize("typed", ["", "--help", "-h", "--version", "explain --help", "explain -h", "doctor --help"])
def test_help_is_quick(typed: str, tmp_path: Path) -> None:
    assert heavy_after(typed.split(), tmp_path) == ("0 []", [])


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("explian a=1", "TH-H04: there is no command 'explian'"),
        ("explain cat=1", "TH-H01: one class"),
        ("explain cat=1 dog=nan", "TH-L01: the logit of 'dog' is NaN"),
        ("explain cat=1 dog=2 --threshold 3", "TH-H03: threshold 3 in probability space"),
        ("explain --checkpoint a --image b", "TH-K01: there is no file a"),
        ("doctor now", "TH-H05: torchheads doctor takes no options; 'now' came. Try: torchheads doctor"),
    ],
)
def test_what_is_wrong_is_one_line_and_comes_before_torch(typed: str, error: str, tmp_path: Path) -> None:
    last, errors = heavy_after(typed.split(), tmp_path)
    assert last == "2 []"
    assert len(errors) == 1
    assert errors[0].startswith(error)
    assert ". Try: " in errors[0]


def test_help_names_every_command_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert all(f"  torchheads {command}" in text for command in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    main(["-V"])
    assert capsys.readouterr().out == f"torchheads {__version__}\n"


def test_explain_and_doctor_get_what_follows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import torchheads.doctor
    import torchheads.explain

    calls: list[tuple[str, list[str]]] = []
    for module, name in ((torchheads.explain, "explain"), (torchheads.doctor, "doctor")):
        monkeypatch.setattr(module, "run", lambda options, name=name: calls.append((name, options)))
    main(["explain", "a=1", "b=2"])
    main(["doctor"])
    assert calls == [("explain", ["a=1", "b=2"]), ("doctor", [])]
