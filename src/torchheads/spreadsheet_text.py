"""The spreadsheet of softmax and sigmoid as a terminal shows it: a row a class, their sums, both decisions in words.

Numbers are never cut off; class names are folded where they are long.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from torchheads.spreadsheet import Spreadsheet
from torchheads.terminal import printable

NARROWEST = 76  # columns that the widest numbers and a few letters of the names need
CHOSEN = "\N{BLACK CIRCLE}"


def print_spreadsheet(sheet: Spreadsheet, console: Console, **more: str) -> None:
    """Print the table, then one line a head: what it looks at and what it decides.

    Args:
        sheet: the numbers.
        console: where to print.
        more: lines that follow, as first word and text.
    """
    console.width = max(console.width, NARROWEST)
    console.print(table(sheet, console.encoding), "")
    words = Table.grid(padding=(0, 2))
    words.add_column(no_wrap=True, style="bold")
    words.add_column(overflow="fold")
    for word, text in (in_words(sheet) | more).items():
        words.add_row(Text(word), Text(printable(text, console.encoding)))
    console.print(words)


def table(sheet: Spreadsheet, encoding: str) -> Table:
    """The rows and their sums; a decision stands beside the column that it is made from."""
    grid = Table(box=None, show_footer=True, header_style="bold", footer_style="dim", pad_edge=False)
    mark = CHOSEN if encoding.startswith("utf") else "x"
    exps = [row.exp for row in sheet.rows]
    *exp, exp_sum = aligned([*exps, sum(exps)], decimals=4)
    columns: list[tuple[str, Sequence[str], str]] = [
        ("logit", aligned([row.logit for row in sheet.rows]), ""),
        ("exp", exp, exp_sum),
        ("softmax", *shares([row.softmax for row in sheet.rows])),
        ("score", aligned([row.score for row in sheet.rows], decimals=4), ""),
        ("one", [mark * row.is_the_one for row in sheet.rows], ""),
        ("sigmoid", *shares([row.sigmoid for row in sheet.rows])),
        ("set", [mark * row.is_in_the_set for row in sheet.rows], ""),
    ]
    grid.add_column("class", footer="sum", overflow="fold", min_width=5)
    for header, _, total in columns:
        decides = header in ("one", "set")
        grid.add_column(header, footer=total, justify="center" if decides else "right", no_wrap=True)
    for number, row in enumerate(sheet.rows):
        style = "bold" if row.is_the_one or row.is_in_the_set else ""
        cells = [cells[number] for _, cells, _ in columns]
        grid.add_row(Text(printable(row.name, encoding)), *cells, style=style)
    return grid


def in_words(sheet: Spreadsheet) -> dict[str, str]:
    """What each head looks at and decides, and what the scores are."""
    chosen = ", ".join(sheet.chosen) or "none"
    rule = f"logit >= {sheet.cut:.6g} (sigmoid >= {share(sheet.cut_probability)})"
    return {
        "softmax": f"exactly one is right, the largest: {sheet.one}",
        "sigmoid": f"any may be right, if {rule}: {chosen}",
        "score": "log-odds ln p/(1-p) of the softmax; those of the sigmoid are the logits",
    }


def aligned(values: Sequence[float], decimals: int | None = None) -> list[str]:
    """Numbers with the same number of decimals, so that their points stand in one column; powers of ten if large.

    Args:
        values: finite or infinite.
        decimals: how many; None for as few as show every number to six digits, at most 4.

    Example:
        >>> aligned([2.1, 4.0, 3.25])
        ['2.10', '4.00', '3.25']
    """
    if max(map(abs, values)) >= 1e7:
        return [f"{value:.3e}" for value in values]
    if decimals is None:
        decimals = min(4, max(len(f"{value:.6f}".rstrip("0").partition(".")[2]) for value in values))
    return [f"{value:z.{decimals}f}" for value in values]


def shares(probabilities: Sequence[float]) -> tuple[list[str], str]:
    """Probabilities and their sum, to four decimals.

    Example:
        >>> shares([0.25, 0.5])
        (['0.2500', '0.5000'], '0.7500')
    """
    return [share(probability) for probability in probabilities], f"{sum(probabilities):.4f}"


def share(probability: float) -> str:
    """A probability to four decimals; never 0 or 1, which no finite logit gives, for rounding's sake alone.

    Example:
        >>> share(0.6228), share(1e-9), share(1.0)
        ('0.6228', '<0.0001', '>0.9999')
    """
    if probability < 5e-5:
        return "<0.0001"
    return ">0.9999" if probability >= 1 - 5e-5 else f"{probability:.4f}"
