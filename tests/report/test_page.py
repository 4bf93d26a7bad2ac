"""The page: escaped, without a script, below a megabyte, and with every number of the summary."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from torchheads.report import page as page_module
from torchheads.report.figures import Drawn
from torchheads.report.gallery import Sample, Sheet, SheetRow
from torchheads.report.page import Shown, page
from torchheads.report.tables import overview, sections


def shown(summary: dict[str, Any], figures: int = 2, size: int = 20) -> list[Shown]:
    row = SheetRow("<script>alert(2)</script>", "1.0", "2.7", "0.5", "0.7", True, False)
    samples = [Sample("worst <of> all", 3, "cat & dog", None, [Sheet("softmax", [row], 2)])]
    drawn = [Drawn(f"figure {number}", f"<svg>{'x' * size}</svg>") for number in range(figures)]
    return [Shown(section, drawn, samples) for section in sections(summary)]


class Tags(HTMLParser):
    """The tags of a page, and whether each that opens closes."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_names_are_escaped_and_there_is_no_script(summary: dict[str, Any]) -> None:
    text = page("A & B", overview(summary), [], shown(summary), summary)
    tags = Tags()
    tags.feed(text)
    assert not tags.open
    assert not tags.seen & {"script", "b", "i", "of"} - {"b"}
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in text
    assert "<b>canvases" not in text
    assert "<h2>&lt;b&gt;canvases&lt;/b&gt;</h2>" in text
    assert "\x1b" not in text
    assert not re.search(r"(src|href)=\"(?!#|data:)", text)


def test_every_cell_of_every_table_is_on_the_page(summary: dict[str, Any]) -> None:
    from html import unescape

    text = unescape(page("A", overview(summary), [], shown(summary), summary))
    tables = [overview(summary), *(table for section in sections(summary) for table in section.tables)]
    for table in tables:
        for row in table.rows:
            for cell in row:
                assert f">{cell}</t" in text, cell
    assert "torchheads compare study=mine" in text
    assert "2 more classes" in text


def test_a_page_stays_below_its_size_and_names_what_is_left_out(
    summary: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "LARGEST", 60_000)
    text = page("A", overview(summary), [], shown(summary, figures=8, size=6_000), summary)
    assert 45_000 < len(text.encode()) <= 60_000
    assert "figure 0</figcaption>" in text
    assert "figure 7</figcaption>" not in text
    assert re.search(r"Left out to keep the page below 1 MB: (figure \d; )*figure 7\.", text)


def test_a_page_too_large_without_figures_has_neither_them_nor_samples(
    summary: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "LARGEST", 100)
    text = page("A", overview(summary), [], shown(summary), summary)
    assert "Figures and samples are left out" in text
    assert "<article>" not in text
