"""The documentation holds: its code gives what it says, its links lead somewhere, its figures are up to date."""

import ast
import doctest
import importlib.util
import json
import math
import re
import tokenize
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FIGURES = ("spreadsheet", "shift", "moving_logit", "loss_at_start")

BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
SHAPE = re.compile(r"\((\d+(?:, ?\d+)*),?\)")


# Code -----------------------------------------------------------------------------------------------------------------


def blocks(page: Path) -> list[tuple[int, str]]:
    """The Python blocks of a page, each with the line it starts on."""
    text = page.read_text(encoding="utf-8")
    found = [(text[: match.start(2)].count("\n"), match[2]) for match in BLOCK.finditer(text) if match[1] == "python"]
    assert len(found) == text.count("```python"), "a Python block that is indented or not closed would not be run"
    return found


def run_examples(code: str, namespace: dict[str, Any], page: Path, line: int) -> None:
    """Run a block of ``>>>`` examples and compare every output."""
    examples = doctest.DocTestParser().get_doctest(code, namespace, page.name, str(page), line)
    examples.globs = namespace  # not a copy: the blocks of a page share their names
    report = StringIO()
    doctest.DocTestRunner(verbose=False).run(examples, out=report.write, clear_globs=False)
    assert not report.getvalue(), report.getvalue()


def run_plain(code: str, namespace: dict[str, Any], page: Path, line: int) -> None:
    """Run a block statement by statement; a comment that opens with a shape is held against the statement's value."""
    comments = comments_by_line(code)
    for statement in ast.parse(code).body:
        value = evaluate(statement, namespace, f"{page}:{line + statement.lineno}")
        shape = SHAPE.search(comments.get(statement.end_lineno or 0, ""))
        if shape and (isinstance(value, torch.Tensor | torch.Size)):
            expected = tuple(int(size) for size in shape[1].split(","))
            found = tuple(value if isinstance(value, torch.Size) else value.shape)
            assert found == expected, f"{page.name}, line {line + statement.lineno}: {found} is not {expected}"


def comments_by_line(code: str) -> dict[int, str]:
    """The comment of each line that has one."""
    tokens = tokenize.generate_tokens(StringIO(code).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def evaluate(statement: ast.stmt, namespace: dict[str, Any], where: str) -> Any:
    """Run one statement; its value if it is an expression or sets one name, else None."""
    if isinstance(statement, ast.Expr):
        return eval(compile(ast.Expression(statement.value), where, "eval"), namespace)
    exec(compile(ast.Module([statement], []), where, "exec"), namespace)
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return namespace[statement.targets[0].id]
    return None


def run_page(page: Path) -> None:
    namespace: dict[str, Any] = {}
    for line, code in blocks(page):
        (run_examples if ">>> " in code else run_plain)(code, namespace, page, line)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_code_runs_and_gives_what_the_page_says(page: Path) -> None:
    run_page(page)


@pytest.mark.parametrize(
    "block",
    [">>> 1 + 1\n3\n", ">>> 1 / 0\n", "import torch\nlogits = torch.zeros(2, 3)  # (2, 4)\n", "1 / 0\n", "a = = 1\n"],
)
def test_wrong_code_is_found(tmp_path: Path, block: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n```python\n{block}```\n")
    with pytest.raises((AssertionError, ZeroDivisionError, SyntaxError, tokenize.TokenError)):
        run_page(page)


def test_an_indented_block_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("- item\n\n  ```python\n  1 / 0\n  ```\n")
    with pytest.raises(AssertionError, match="would not be run"):
        run_page(tmp_path / "page.md")


def test_the_pages_with_code_have_code() -> None:
    counts = {page.name: len(blocks(page)) for page in PAGES}
    assert counts["README.md"] >= 2
    assert counts["softmax_or_sigmoid.md"] >= 10
    assert counts["coming_from_torch.md"] >= 12


# Links ----------------------------------------------------------------------------------------------------------------


def broken_links(page: Path) -> list[str]:
    """Relative links and images of a page that lead to no file, and anchors that lead to no heading."""
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in LINK.findall(prose):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = page.parent / target if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    return broken


def anchors(page: Path) -> set[str]:
    """The anchors that headings get on a code host."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One Title\n[a](gone.md) ![b](gone.svg) [c](#one-title) [d](#two) [e](https://example.org)\n")
    assert broken_links(page) == ["gone.md", "gone.svg", "#two"]


# Figures --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script that draws; importing it needs no matplotlib."""
    folder = ROOT / "scripts" / "docs"
    monkeypatch.syspath_prepend(folder)
    specification = importlib.util.spec_from_file_location("draw_figures", folder / "draw_figures.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def close(found: Any, expected: Any) -> bool:
    """Whether numbers in nested lists agree to the three decimals that a figure can show."""
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    return found == pytest.approx(expected, abs=1e-3) if isinstance(expected, float) else found == expected


def test_the_spreadsheet_of_the_figure(drawing: Any) -> None:
    numbers = drawing.spreadsheet_numbers()
    assert [round(p, 4) for p in numbers["softmax"]] == [0.0932, 0.6228, 0.2798, 0.0042]
    assert [round(p, 4) for p in numbers["sigmoid"]] == [0.8909, 0.9820, 0.9608, 0.2689]
    assert numbers["sigmoid_cut"][0] == pytest.approx(1 / (1 + math.exp(-3)))
    assert (numbers["the_one"], numbers["the_set"]) == (["dog"], ["dog", "cow"])


def test_the_spreadsheet_of_the_page(drawing: Any) -> None:
    text = (ROOT / "docs" / "softmax_or_sigmoid.md").read_text(encoding="utf-8").replace("\N{MINUS SIGN}", "-")
    rows = [re.findall(r"-?\d+\.\d+", line) for line in text.splitlines() if line.startswith("| ") and "." in line]
    columns = list(zip(*(map(float, row) for row in rows[:4]), strict=True))
    numbers = drawing.spreadsheet_numbers()
    exponentials = [math.exp(logit) for logit in numbers["logit"]]
    assert list(columns[0]) == numbers["logit"]
    assert columns[1] == pytest.approx(exponentials, abs=0.0051)
    assert columns[2] == pytest.approx(numbers["softmax"], abs=0.0051)
    assert columns[3] == pytest.approx(numbers["sigmoid"], abs=0.0051)
    assert list(map(float, rows[4])) == pytest.approx([sum(exponentials), sum(numbers["sigmoid"])], abs=0.0051)


def test_a_constant_moves_the_sigmoid_alone(drawing: Any) -> None:
    numbers = drawing.shift_numbers()
    assert close(numbers["softmax"], [numbers["softmax"][1]] * 3)
    assert numbers["the_one"] == [["dog"]] * 3
    assert numbers["the_set"] == [["dog", "cow"], ["cat", "dog", "cow"], ["cat", "dog", "cow", "zebra"]]


def test_the_score_is_a_straight_line_where_the_probability_is_flat(drawing: Any) -> None:
    numbers = drawing.moving_numbers()
    others = math.log(math.exp(2.1) + math.exp(3.2) + math.exp(-1.0))
    assert numbers["softmax_score"] == pytest.approx([logit - others for logit in numbers["logit"]], abs=1e-12)
    assert numbers["sigmoid_score"] == numbers["logit"]
    assert numbers["sigmoid_full"] == [17.5]  # 1 - p = exp(-17.33) = 2^-25: half of float32's last step below 1
    assert numbers["softmax_full"] == [21.0]  # the others hold 3.50


def test_the_loss_at_the_start(drawing: Any) -> None:
    numbers = drawing.start_numbers()
    assert numbers["classes"][-1] == 1000
    ends = {name: round(values[-1], 1) for name, values in numbers.items()}
    assert ends["sigmoid_zero_bias"] == 693.1  # 1000 ln 2
    assert ends["sigmoid_prior_bias"] == 7.9  # ln 1000 + 999 ln(1000/999)
    assert ends["softmax_zero_bias"] == ends["softmax_prior_bias"] == 6.9  # ln 1000


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_shows_what_the_heads_give_today(drawing: Any, name: str) -> None:
    file = ROOT / "docs" / "figures" / f"{name}.svg"
    assert file.stat().st_size < 40 * 1024
    (description,) = ElementTree.parse(file).iter("{http://purl.org/dc/elements/1.1/}description")
    measure, _ = drawing.FIGURES[name]
    shown, today = json.loads(description.text or ""), json.loads(drawing.described(measure()))
    assert shown.keys() == today.keys()
    assert all(close(shown[key], today[key]) for key in today), "python scripts/docs/draw_figures.py"


def test_every_figure_is_drawn_and_shown(drawing: Any) -> None:
    assert tuple(drawing.FIGURES) == FIGURES
    assert {file.stem for file in (ROOT / "docs" / "figures").glob("*.svg")} == set(FIGURES)
    text = (ROOT / "docs" / "softmax_or_sigmoid.md").read_text(encoding="utf-8")
    assert all(f"(figures/{name}.svg)" in text for name in FIGURES)


def test_drawing_twice_gives_the_same_bytes(drawing: Any, tmp_path: Path) -> None:
    first, second = drawing.draw(tmp_path / "first"), drawing.draw(tmp_path / "second")
    assert [file.name for file in first] == [f"{name}.svg" for name in FIGURES]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert b"<dc:date>" not in one.read_bytes()
