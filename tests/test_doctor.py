"""``torchheads doctor``: a mark a line, what to type below what is wrong, and the exit code."""

import contextlib
import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from torchheads import doctor
from torchheads.doctor import run
from torchheads.doctor_checks import Finding


def fine() -> Iterator[Finding]:
    yield Finding("torch", "2.15.0")
    yield Finding("CUDA", "no card", "absent")


def wrong() -> Iterator[Finding]:
    yield Finding("rich", "is \x1b[31mnot [red]installed", "wrong", "pip install 'rich>=13'")


def broken() -> Iterator[Finding]:
    yield Finding("before", "found")
    raise RuntimeError("nobody thought of this\nand more")


def report(monkeypatch: pytest.MonkeyPatch, encoding: str = "utf-8", **checks: object) -> tuple[int, list[str]]:
    monkeypatch.setattr(doctor, "CHECKS", checks)
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    code = 0
    try:
        run([], Console(file=file, width=80, highlight=False))
    except SystemExit as end:
        code = int(end.code or 0)
    file.flush()
    return code, [line.rstrip() for line in file.buffer.getvalue().decode(encoding).splitlines()]


def test_everything_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ["versions", "  ✓  torch         2.15.0", "  -  CUDA          no card", "", "Everything is fine."]
    assert report(monkeypatch, versions=fine) == (0, expected)


def test_what_is_wrong_fails_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    code, lines = report(monkeypatch, versions=fine, packages=wrong)
    assert code == 1
    assert lines[3:] == [
        "packages",
        r"  ✗  rich          is \x1b[31mnot [red]installed",
        "                   Try: pip install 'rich>=13'",
        "",
        "1 thing wrong; what to type stands below each.",
    ]


def test_a_check_that_breaks_down_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    code, lines = report(monkeypatch, first=broken, second=fine)
    assert code == 1
    assert lines[1:4] == [
        "  ✓  before        found",
        "  ✗  broken        broke down: RuntimeError: nobody thought of this",
        "                   Try: uv sync, or a new virtual environment",
    ]
    assert "  ✓  torch         2.15.0" in lines


def test_marks_of_a_terminal_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    code, lines = report(monkeypatch, "ascii", versions=fine, packages=wrong)
    assert code == 1
    assert [line.split()[0] for line in lines if line.startswith("  ") and "Try" not in line] == ["ok", "-", "!!"]


def test_help_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    assert "usage: torchheads doctor\n" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        run(["--fix\x1b"])
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "TH-H05: torchheads doctor takes no options; '--fix\\x1b' came. Try: torchheads doctor\n"
    )


def test_the_real_report_fits_80_columns() -> None:
    file = io.StringIO()
    with contextlib.suppress(SystemExit):
        run([], Console(file=file, width=80, highlight=False))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for title in ("versions", "torch and torchvision", "devices", "folders", "known-bad packages"):
        assert title in lines
