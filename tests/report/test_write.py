"""The four files of a report, all of them from one summary."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from torchheads.errors import HeadConfigError
from torchheads.report.figures import Judged
from torchheads.report.write import in_order, write_report
from torchheads.study.runs import Run


def test_four_files_with_the_same_figures(runs: list[Run], summary: dict[str, Any], tmp_path: Path) -> None:
    page = write_report(runs, summary, tmp_path / "report")
    assert page == tmp_path / "report" / "report.html"
    assert {path.name for path in page.parent.iterdir()} == {f"report.{kind}" for kind in ("html", "md", "csv", "json")}
    assert json.loads((page.parent / "report.json").read_text()) == summary
    verdict = summary["data"][0]["comparisons"][0]["verdict"]
    texts = {kind: (page.parent / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md", "csv")}
    assert all(verdict in text for text in texts.values())
    assert texts["html"].count("<svg") == 1 + 8 + 9
    assert texts["html"].count("<article>") >= 6
    assert len(texts["html"].encode()) < 1_000_000
    with (page.parent / "report.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2 * 2 * 3 + 3 + 5


def test_the_first_runs_of_all_heads_are_of_one_seed(runs: list[Run]) -> None:
    some = {"softmax": (10, 2, 0), "sigmoid": (2, 10)}
    judged = {head: [Judged(runs[0]._replace(seed=seed)) for seed in seeds] for head, seeds in some.items()}
    assert {h: [one.run.seed for one in found] for h, found in in_order(judged).items()} == {
        "softmax": [2, 10, 0],
        "sigmoid": [2, 10],
    }
    assert in_order({}) == {}


def test_the_same_twice(runs: list[Run], summary: dict[str, Any], tmp_path: Path) -> None:
    pages = [write_report(runs, summary, tmp_path / name) for name in ("first", "second")]
    for kind in ("html", "md", "csv", "json"):
        first, second = (page.with_name(f"report.{kind}").read_bytes() for page in pages)
        assert first == second


def test_pictures_and_why_there_are_none(runs: list[Run], summary: dict[str, Any], tmp_path: Path) -> None:
    def find(run: Run) -> Any:
        gone = run.data == "digits"
        return (lambda row: None) if gone else (lambda row: f"data:image/png;base64,{row}"), "Gone." if gone else ""

    text = write_report(runs, summary, tmp_path, find_pictures=find).read_text(encoding="utf-8")
    assert text.count("<img src") >= 3
    assert "Gone." in text


@pytest.mark.parametrize("package", ["matplotlib", "jinja2", "statsmodels"])
def test_without_a_package(
    package: str, runs: list[Run], summary: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(HeadConfigError, match=rf"TH-P06: a report needs {package}, .*'torchheads\[report\]'"):
        write_report(runs, summary, tmp_path)
