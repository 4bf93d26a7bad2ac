"""The printed spreadsheet: letter by letter for the article, and whole numbers for every name, width and encoding."""

import io
import os

import pytest
import torch
from rich.console import Console

from torchheads.spreadsheet import spreadsheet
from torchheads.spreadsheet_text import NARROWEST, aligned, print_spreadsheet, share, shares

ARTICLE = """\
class  logit      exp  softmax    score  one  sigmoid  set
cat      2.1   8.1662   0.0932  -2.2757        0.8909
dog      4.0  54.5982   0.6228   0.5015   ●    0.9820   ●
cow      3.2  24.5325   0.2798  -0.9452        0.9608   ●
zebra   -1.0   0.3679   0.0042  -5.4693        0.2689
sum           87.6647   1.0000                 3.1027

softmax  exactly one is right, the largest: dog
sigmoid  any may be right, if logit >= 3 (sigmoid >= 0.9526): dog, cow
score    log-odds ln p/(1-p) of the softmax; those of the sigmoid are the logits"""
HOSTILE = ("a\x1b[31mb\n", "[red]x[/red]", "a" * 200, "猫" * 30)


def printed(logits: dict[str, float], threshold: float | None = None, width: int = 80, **options: object) -> str:
    encoding = options.pop("encoding", "utf-8")
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, highlight=False, **options)
    sheet = spreadsheet(tuple(logits), torch.tensor([list(logits.values())]), threshold, "logit")
    print_spreadsheet(sheet, console)
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def test_the_articles_spreadsheet() -> None:
    text = printed({"cat": 2.1, "dog": 4.0, "cow": 3.2, "zebra": -1.0}, 3.0)
    assert lines(text) == ARTICLE.splitlines()


@pytest.mark.parametrize("width", [10, 80, 200])
def test_hostile_names_are_letters_and_numbers_stay_whole(width: int) -> None:
    text = printed(dict(zip(HOSTILE, (1.0, 2.0, 3.0, 4.0), strict=True)), 0.0, width)
    assert "\x1b" not in text
    assert r"a\x1b[31mb\n" in text
    assert lines(text)[2].startswith("[red]x[/red]")
    assert ", [red]x[/red]," in " ".join(text.split())
    assert text.count("a") >= 400  # the whole long name, in the table and in the set
    for number in ("2.7183", "0.0321", "-3.4076", "0.7311", "0.5924", "0.9820", "84.7910"):
        assert number in text
    assert max(map(len, lines(text))) <= max(width, NARROWEST)


def test_the_widest_numbers_fit_the_narrowest_table() -> None:
    text = printed({"a" * 30: -3.4e38, "b": 3.4e38}, width=20)
    for number in ("-3.400e+38", "3.400e+38", "inf", "<0.0001", ">0.9999"):
        assert number in text
    assert "…" not in text


def test_a_terminal_without_unicode_gets_other_letters() -> None:
    text = printed({"猫": 1.0, "b": 0.0}, 0.5, encoding="ascii")
    assert lines(text)[1].split() == [r"\u732b", "1", "2.7183", "0.7311", "1.0000", "x", "0.7311", "x"]


def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = {"a": 1.0, "b": 0.0}
    assert "\x1b[1m" in printed(logits, force_terminal=True)
    assert "\x1b" not in printed(logits)
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")
    assert "\x1b[3" not in printed(logits, force_terminal=True)


def test_an_empty_set_is_said() -> None:
    assert ": none\n" in "\n".join(lines(printed({"a": 1.0, "b": 0.0}, 2.0))) + "\n"


def test_numbers() -> None:
    assert aligned([-0.0, 1e-9]) == ["0", "0"]
    assert aligned([1.23456789, 2.0]) == ["1.2346", "2.0000"]
    assert aligned([1e7, 2.0]) == ["1.000e+07", "2.000e+00"]
    assert [share(p) for p in (5e-5, 4.9e-5, 0.0, 0.99994, 0.99996, 1.0)] == [
        *("0.0001", "<0.0001", "<0.0001", "0.9999", ">0.9999", ">0.9999")
    ]
    assert shares([1.0, 1.0])[1] == "2.0000"
