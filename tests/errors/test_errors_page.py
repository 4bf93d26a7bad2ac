"""docs/errors.md is what the source says today: every code, one class each, explained and tested."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "docs" / "write_errors_page.py"


@pytest.fixture(scope="module")
def writer() -> Any:
    """The script that writes the page, as it is run: from its own folder."""
    specification = importlib.util.spec_from_file_location("write_errors_page", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def parted(text: str) -> tuple[str, list[int]]:
    """A page without the places counted in its last-but-one table, and these numbers."""
    counts = [int(count) for count in re.findall(r"\| (\d+) \|$", text, re.MULTILINE)]
    return re.sub(r"\| \d+ \|$", "| |", text, flags=re.MULTILINE), counts


def test_the_page_is_what_the_source_says(writer: Any) -> None:
    (written, promised), (today, counted) = parted(writer.PAGE.read_text(encoding="utf-8")), parted(writer.page())
    assert written == today, "python scripts/docs/write_errors_page.py"
    assert len(promised) == len(counted) == len(writer.GROUPS) + 1
    assert all(least <= count for least, count in zip(promised, counted, strict=True)), "tests of errors are gone"


def test_every_code_is_explained_and_raised(writer: Any) -> None:
    found = set(writer.raised())
    assert found == set(writer.ENTRIES), "scripts/docs/errors_catalogue.yaml"
    assert {code[0] for code in found} <= set(writer.GROUPS)
    assert not found & set(writer.NO_ERRORS)
    assert all(all(entry.values()) for entry in writer.ENTRIES.values())


def test_every_code_in_the_source_belongs_to_a_call(writer: Any) -> None:
    """No code stands in the source that the page does not know, wherever it stands."""
    known = set(writer.raised())
    for file in sorted(writer.SOURCE.rglob("*.py")):
        assert writer.codes_in(writer.parsed(file)) <= known, file


def test_a_code_has_one_class(writer: Any) -> None:
    several = {code: sorted(classes) for code, classes in writer.raised().items() if len(classes) > 1}
    assert set(several) == set(writer.ALIASES), several


def test_every_row_is_tested(writer: Any) -> None:
    counts = writer.mentions()
    untested = [code for code in (*writer.ENTRIES, *writer.NO_ERRORS) if not counts.get(code)]
    assert untested == []


def test_every_way_to_run_a_head_has_a_test(writer: Any) -> None:
    assert [subject for subject, tests in writer.works_under().items() if not tests] == []


SOURCE = """
from torchheads.errors import DataError, TargetError, warn
TABLE = {"single": "T06", "multi": "M13"}
def plain():
    raise TargetError("T01", "problem", "remedy")
def chosen(value):
    raise DataError("D01" if value else "D02", "problem", "remedy")
def handed(value, code="T13"):
    raise TargetError(code, "problem", "remedy")
def looked_up(kind):
    code = TABLE[kind]
    raise TargetError(code, "problem", "remedy")
def said():
    errors.warn("W01", "problem", "remedy")
"""


def test_codes_are_found_wherever_they_stand(writer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "errors.py").write_text((writer.SOURCE / "errors.py").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "room.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(writer, "SOURCE", tmp_path)
    found = writer.raised()
    expected = {"T01", "T06", "T13", "M13"}
    assert {code for code, classes in found.items() if set(classes) == {"TargetError"}} == expected
    assert {code for code, classes in found.items() if set(classes) == {"DataError"}} == {"D01", "D02"}
    assert found["W01"] == {"warn": {"room.py"}}


def test_mentions_are_counted(writer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(writer, "TESTS", tmp_path)
    text = 'x = ["T01", "TH-T01: text", f"TH-M0{1}", "T01 spatial", "AT01", "T012"]\ndef test_t01_m02_it(): pass'
    (tmp_path / "test_room.py").write_text(text)
    assert writer.mentions() == {"T01": 4, "M02": 1}
